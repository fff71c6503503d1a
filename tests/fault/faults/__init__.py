"""One module per sort of fault. Each fault is a context: it happens on the way in, and is over on the way out."""
