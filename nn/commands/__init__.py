"""What `python -m nn` does: one file per command."""
