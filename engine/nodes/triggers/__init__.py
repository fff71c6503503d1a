"""The trigger node types, one file each."""
