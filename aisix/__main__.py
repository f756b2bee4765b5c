"""python -m aisix"""

import sys

from aisix.cli.main import main

sys.exit(main())
