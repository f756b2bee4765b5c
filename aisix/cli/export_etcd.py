"""`aisix export --etcd URL`: what an original AISIX's etcd holds, as its resources file.

etcd is read by the command itself. The file goes to standard output or to `-o FILE` (mode 0600);
what is to be known, such as each variable that a secret was replaced by, to standard error. Exit
code 1: the file is written, and cannot be loaded as it is; 2: etcd cannot be read.

Must never know: HTTP. Never prints a secret unless `--reveal-secrets` asked for it.
"""

from __future__ import annotations

import argparse
import json
import sys

import yaml

from aisix.cli.etcd_documents import found_in_etcd
from aisix.cli.output import write_private
from aisix.config.settings import Settings
from aisix.movein.exported import exported

MOST_SHOWN = 60  # characters of a key that holds no document


def run(args: argparse.Namespace, settings: Settings | None) -> int:
    """Write the file and tell; the exit code."""
    layout, found = found_in_etcd(args.etcd, args.prefix, settings)
    documents, unreadable = [], []
    for kv in found:
        kind, slash, id = kv.key[len(layout.documents) :].decode("utf-8", "replace").partition("/")
        try:
            document = json.loads(kv.value)
        except ValueError:
            document = None
        if slash and id and isinstance(document, dict):
            documents.append((kind, id, document))
        else:
            unreadable.append(f"{kind}{slash}{id}"[:MOST_SHOWN])
    made = exported(documents, args.reveal_secrets)
    text = yaml.safe_dump(made.data, sort_keys=False, allow_unicode=True, width=100)
    write_private(args.output, text)
    for one in made.secrets:
        print(f"{one.variable}: {one.kind} {one.name!r}, {one.field}", file=sys.stderr)
    if made.secrets:
        print(f"{len(made.secrets)} secret value(s) were replaced", file=sys.stderr)
    blocking = [*made.blocking, *(f"{one}: is no JSON object: left out" for one in unreadable)]
    for line in (*made.notes, *blocking):
        print(line, file=sys.stderr)
    return 1 if blocking else 0
