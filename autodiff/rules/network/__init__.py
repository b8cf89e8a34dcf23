"""What networks are made of and NumPy lacks, one file per family."""
