"""Looking at a run: what was computed where, and where it went wrong."""
