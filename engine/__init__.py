"""The pure core: flows, plans, and the one function that moves an execution.

Values in, values out. Nothing here reads a clock, a die, a file, the environment or a socket: `now` is an argument,
ids are uuid5, a split is a hash. The same code therefore serves live traffic, replay, test runs and explanations.
"""
