"""What users hold: `Tensor`, and how NumPy's calls, methods and writes reach it."""
