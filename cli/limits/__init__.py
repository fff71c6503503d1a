"""The commands `mal limits …`, one file each."""
