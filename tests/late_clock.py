"""A gateway whose clock is five seconds late: python -m tests.late_clock serve --config ..."""

from __future__ import annotations

import sys
import time

from aisix.cli.main import main

LATE = 5.0
_now = time.time

if __name__ == "__main__":
    time.time = lambda: _now() - LATE
    sys.exit(main())
