"""The commands `mal decisions …`, one file each."""
