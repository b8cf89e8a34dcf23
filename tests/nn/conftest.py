"""The tests of nn share the module `agreement` beside this file."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
