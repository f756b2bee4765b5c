"""A gateway that may open few files: python -m tests.few_files NUMBER serve --config ..."""

from __future__ import annotations

import resource
import sys

from aisix.cli.main import main

if __name__ == "__main__":
    number = int(sys.argv.pop(1))
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, number))
    sys.exit(main(sys.argv[1:]))
