"""How fast the engine is, beside NumPy by hand and beside its peers: ``python -m benchmarks``."""
