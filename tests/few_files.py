"""A gateway that may open few files: python -m tests.few_files NUMBER serve --config ...

`NUMBER:` is the soft limit alone; a gateway raises that as far as the hard one goes.
"""

from __future__ import annotations

import resource
import sys

from aisix.cli.main import main

if __name__ == "__main__":
    number, soft, _ = sys.argv.pop(1).partition(":")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1] if soft else int(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (int(number), hard))
    sys.exit(main(sys.argv[1:]))
