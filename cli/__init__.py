"""The command line `mal`: thin. It reads arguments, calls one edge or one process, and prints.

One file per command; `cli.tree` is the table of them. Rules of the domain live in engine/ and store/, never here.
"""
