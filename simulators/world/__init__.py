"""What people do in the TAP systems of their own accord: a seeded stream of events of all six systems."""
