"""A gateway whose tables are not thoroughly checked after a reload, which takes a core half a minute
from tests that ask for something else: python -m tests.quick_checks serve --config ..."""

from __future__ import annotations

import sys

from aisix.cli.main import main
from aisix.runtime import table_checks

if __name__ == "__main__":
    table_checks.LEFT_BE = 86_400.0
    sys.exit(main())
