"""`python -m toolkit.cli`: the command line where its script is not installed."""

import sys

from toolkit.cli import main

sys.exit(main())
