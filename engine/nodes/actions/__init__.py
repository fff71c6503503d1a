"""The action node types, one file each."""
