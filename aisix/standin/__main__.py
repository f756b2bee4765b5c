"""python -m aisix.standin [--addr 127.0.0.1:3200]"""

from __future__ import annotations

import argparse
import asyncio
import contextlib

from aisix.standin.server import Standin


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m aisix.standin", description=__doc__)
    parser.add_argument("--addr", default="127.0.0.1:3200", help="host:port; port 0: any")
    host, _, port = parser.parse_args().addr.rpartition(":")
    standin = Standin(int(port), host)
    print(f"stand-in upstream on {standin.url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(standin.run())


if __name__ == "__main__":
    main()
