"""`aisix capture`: the next exchanges of an alias of a running gateway, as files.

    aisix capture --alias small --next 5 --to seen        small-1.json, small-2.json, ...
    aisix mappings explain seen/small-1.json              why it came out as it did

The files have mode 0600: they hold what callers and models say, unless `--redact` is given.
Keys and other secrets are in none. The gateway is the one of the settings, as for `aisix models`.
Exit code 0: as many as asked for; 1: fewer, or refused; 2: nobody answers, or wrong usage.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from aisix.cli.admin_client import AdminClient, AdminRefused, add_admin_options
from aisix.cli.resources import client_of
from aisix.config.settings import Settings
from aisix.errors import OperatorError

KIND = "captures"
PAUSE_SECS = 0.3  # between two looks
Row = dict[str, Any]


def add_parser(sub: argparse.ArgumentParser) -> None:
    """Its options; `docs/cli.md` shows what they say."""
    sub.add_argument("--alias", metavar="NAME", help="whose exchanges")
    sub.add_argument("--next", type=int, default=5, metavar="N", help="how many; default 5")
    sub.add_argument("--for", dest="secs", type=int, default=60, metavar="SECONDS",
                     help="how long to wait for them; default 60")  # fmt: skip
    sub.add_argument("--to", metavar="DIR", default=".", help="where the files go; default: here")
    sub.add_argument("--redact", action="store_true", help="texts of callers and models are"
                     " replaced by others of the same length and kind")  # fmt: skip
    sub.add_argument("--list", action="store_true", help="what is being captured now")
    sub.add_argument("--cancel", metavar="ID", help="end a capture and forget what it has")
    add_admin_options(sub)


def run(args: argparse.Namespace, settings: Settings) -> int:
    client = client_of(args, settings)
    try:
        if args.list:
            return _listed(args, client)
        if args.cancel:
            client.call("DELETE", f"{KIND}/{args.cancel}")
            print(json.dumps({"deleted": True}) if args.json else f"cancelled {args.cancel}")
            return 0
        if not args.alias:
            raise OperatorError("capture what? --alias NAME (or --list, --cancel ID)")
        return _capture(args, client)
    except AdminRefused as told:
        print(json.dumps(told.answer) if args.json else told, file=sys.stderr)
        return 1


def _listed(args: argparse.Namespace, client: AdminClient) -> int:
    items = client.call("GET", KIND)["items"]
    if args.json:
        print(json.dumps(items))
        return 0
    for row in items:
        print(f"{row['id']}  {row['alias']}  {_how_far(row)}")
    if not items:
        print("nothing is being captured")
    return 0


def _capture(args: argparse.Namespace, client: AdminClient) -> int:
    folder = _writable(Path(args.to))
    asked = {"alias": args.alias, "next": args.next, "secs": args.secs, "redact": args.redact}
    row = client.call("POST", KIND, asked)
    print(f"waiting for {row['next']} exchanges of {row['alias']}, at most {row['secs']} s"
          f" (capture {row['id']})", file=sys.stderr)  # fmt: skip
    files: list[Path] = []
    try:
        while True:
            while len(files) < row["exchanges"]:
                document = client.call("GET", f"{KIND}/{row['id']}/{len(files) + 1}")
                files.append(_written(folder, args.alias, document))
                print(files[-1] if not args.json else "", end="" if args.json else "\n", flush=True)
            if not row["waiting"]:
                break
            time.sleep(PAUSE_SECS)
            row = client.call("GET", f"{KIND}/{row['id']}")
    except KeyboardInterrupt:
        print("cancelled", file=sys.stderr)
        return _done(args, client, {**row, "ended": "cancelled"}, files)
    except OSError as error:  # the disk is full, or the folder gone
        client.call("DELETE", f"{KIND}/{row['id']}")
        told = f"{error.filename or folder}: cannot be written: {error.strerror}"
        raise OperatorError(f"{told} ({len(files)} of {row['next']} files are)") from None
    return _done(args, client, row, files)


def _writable(folder: Path) -> Path:
    """The folder, there and good to write in; what is captured must not be lost for want of it."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OperatorError(f"--to {folder}: cannot be written: {error.strerror}") from None


def _done(args: argparse.Namespace, client: AdminClient, row: Row, files: list[Path]) -> int:
    """What came of it; the gateway keeps nothing of it any longer."""
    client.call("DELETE", f"{KIND}/{row['id']}")
    whole = len(files) == args.next
    if args.json:
        print(json.dumps({"ok": whole, **row, "files": [str(file) for file in files]}))
    elif not whole:
        print(f"{_how_far(row)}: {row['ended']}", file=sys.stderr)
    elif files:
        print(f"now: aisix mappings explain {files[0]}", file=sys.stderr)
    return 0 if whole else 1


def _how_far(row: Row) -> str:
    text = f"{row['exchanges']} of {row['next']}"
    if row["under_way"]:
        text += f", {row['under_way']} under way"
    if row["lost"]:
        text += f", {row['lost']} lost with a worker that died, or for want of room"
    return text


def _written(folder: Path, alias: str, document: Row) -> Path:
    """A file nobody else may read, under a name that was free; there in whole or not at all."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", alias).strip(".-") or "alias"
    number = 1
    while True:
        file = folder / f"{name}-{number}.json"
        try:
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            number += 1
            continue
        try:
            with open(made, "w", encoding="utf-8") as out:
                json.dump(document, out, indent=2, ensure_ascii=False)
                out.write("\n")
        except BaseException:  # the disk is full, or whoever waits for it waits no longer
            file.unlink()
            raise
        return file
