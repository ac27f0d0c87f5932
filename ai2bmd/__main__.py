"""`python -m ai2bmd`."""

import sys

from ai2bmd.cli import main

sys.exit(main())
