"""The graph and the walk back: no knowledge of tensors, of operations or of their rules."""
