"""numpy.linalg, one file per family."""
