"""A second, naive interpreter, written from the product page alone: dicts, lists and loops over everything.

It imports nothing of the engine. Where it and the engine differ, one of them is wrong, or the page is silent.
"""
