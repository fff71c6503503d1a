"""Every node type, one file each: a frozen Config, one pure function, one NODE record. See `registry` for the set."""
