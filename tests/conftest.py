"""What every test shares: the toolkit is imported before numpy (thread settings), the toys can be imported."""

import sys
from pathlib import Path

import toolkit  # noqa: F401

sys.path.insert(0, str(Path(__file__).parent))
