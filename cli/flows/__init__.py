"""The commands `mal flows …`, one file each."""
