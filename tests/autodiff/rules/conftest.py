"""`test_peers.py` has its peers in a file beside it, and so have others their references."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
