"""python -m tests.clients.runs [CLIENT ...]: see the package."""

from __future__ import annotations

import argparse
import datetime
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aisix.cli.use.declared import client, clients
from aisix.errors import OperatorError
from aisix.standin.server import Standin
from tests.clients.runs import table
from tests.clients.runs.installing import NotInstalled, install
from tests.clients.runs.trial import Result, try_client
from tests.running import ROOT, Running

AT_ONCE = 3  # installations wait for the network most of their time
# What stands behind the alias: where the stand-in speaks it, the model, the rest of the resources.
UPSTREAMS: dict[str, tuple[str, dict[str, str], dict[str, str]]] = {
    "anthropic": ("", {"model_name": "claude-sonnet-4-6"}, {}),
    "openai": (
        "/v1",
        {"model_name": "gpt-5.5", "provider": "openai"},
        {"provider": "openai", "adapter": "openai"},
    ),
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.clients.runs")
    parser.add_argument("clients", nargs="*", metavar="CLIENT", help="default: all of them")
    parser.add_argument("--minutes", type=float, default=10, help="for all of it")
    parser.add_argument("--cache", type=Path, default=ROOT / ".clients", metavar="FOLDER")
    parser.add_argument("--upstream", choices=UPSTREAMS, default="anthropic",
                        help="what stands behind the alias")  # fmt: skip
    parser.add_argument("--fresh", action="store_true", help="install anew, in the newest versions")
    parser.add_argument("--dry", action="store_true", help="write neither results nor the page")
    args = parser.parse_args()
    names = args.clients or list(clients())
    try:
        for name in names:
            client(name)
    except OperatorError as error:
        parser.error(str(error))
    known = table.results()  # those whose result is oldest come first, if time should not be enough
    names.sort(key=lambda name: str(known.get(name, {}).get(args.upstream, {}).get("day", "")))
    end = time.monotonic() + args.minutes * 60
    args.cache.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="work-", dir=args.cache.resolve()))
    standin = Standin().start()
    try:
        with Running(work / "gateway") as gateway:
            path, model, key = UPSTREAMS[args.upstream]
            gateway.set_up(standin.url + path, {"claude-prod": model}, **key)

            def left() -> float:
                return end - time.monotonic()

            def one(name: str) -> tuple[str, Result | None]:
                begun = time.monotonic()
                declared, result = client(name), Result()
                try:
                    installed = install(declared.install, args.cache.resolve(), left, args.fresh)
                    folder = work / name
                    folder.mkdir()
                    result = try_client(name, declared, installed, gateway, folder, left=left)
                except NotInstalled as why:
                    result.verdicts = dict.fromkeys(declared.run.can, f"no: {why}")
                if left() <= 0 and not result.good:
                    print(
                        f"{name:26} there was no time left; what is known of it stays", flush=True
                    )
                    return name, None
                spent = time.monotonic() - begun
                print(f"{name:26} {result.version:12} {result.verdicts} {spent:.0f} s", flush=True)
                return name, result

            with ThreadPoolExecutor(AT_ONCE) as pool:
                found = {name: done for name, done in pool.map(one, names) if done is not None}
            bugs = gateway.bugs
    finally:
        standin.stop()
        shutil.rmtree(work, ignore_errors=True)
    if not args.dry:
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        table.keep(found, today, args.upstream)
    bad = sum(not result.good for result in found.values())
    late = f", {len(names) - len(found)} were not run in time" if len(found) < len(names) else ""
    print(f"{len(found) - bad} of {len(found)} do all that they were asked for{late}")
    for line in bugs:
        print(f"the gateway: {line}", file=sys.stderr)
    return 1 if bugs else 0


if __name__ == "__main__":
    sys.exit(main())
