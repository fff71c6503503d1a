"""The commands `mal executions …`, one file each."""
