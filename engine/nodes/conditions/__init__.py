"""The condition node types, one file each."""
