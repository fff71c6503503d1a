"""A simulator: the project's own shards, engine and unit of commit over a log in memory, time and order from a seed."""
