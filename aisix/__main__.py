"""python -m aisix"""

import sys

from aisix.cli import main

sys.exit(main())
