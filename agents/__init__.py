"""The Faust shell: takes inputs, asks the engine, and commits what it decided. Over `streams` and `store`."""
