"""The commands `mal dead-letters …`, one file each."""
