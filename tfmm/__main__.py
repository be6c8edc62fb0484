"""`python -m tfmm` is the command `tfmm`."""

import sys

from tfmm.commands.main import main

sys.exit(main())
