"""`aisix move-in --check`: what becomes of an original AISIX's settings and documents, as a table.

It reads and changes nothing. Each line comes from the row that translates it when the gateway
starts (`aisix/movein`). Exit code 0: all of it is unchanged, renamed or works otherwise as told; 1:
something is not served or refused; 2: it cannot be read.

Must never know: HTTP. Never prints a value.
"""

from __future__ import annotations

import argparse
import base64
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tabulate import tabulate

from aisix.config.original import ORIGINAL
from aisix.config.settings import Settings, load_settings
from aisix.errors import Complaint, OperatorError
from aisix.movein.declared import DIFFERENT, NOT_SERVED, OUTCOMES, REFUSED, TheirSaid, kinds
from aisix.movein.documents import moved_document
from aisix.movein.resources import not_served_words
from aisix.store import yaml_document
from aisix.store.base import ChangeRefused
from aisix.store.batch import check_items
from aisix.store.config_state import THERE
from aisix.store.kinds.registry import KINDS
from aisix.store.secrets import Keyring
from aisix.store.snapshot import Snapshot

if TYPE_CHECKING:
    from aisix.store.etcd.judge import Judge
    from aisix.store.etcd.layout import Name
    from aisix.store.etcd.wire import KeyValue

LOST = (NOT_SERVED, REFUSED)
OF_NOBODY = base64.b64encode(bytes(32)).decode()  # opens nothing that is sealed


def add_parser(parser: argparse.ArgumentParser) -> None:
    """The options of the verb."""
    parser.add_argument(
        "--check", action="store_true", required=True, help="only say it; there is nothing else yet"
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--etcd", metavar="URL[,URL]", help="default: that of the settings")
    source.add_argument("--resources", metavar="FILE", help="default: that of the settings")
    parser.add_argument("--prefix", metavar="PATH", help="of the keys in etcd; default: /aisix")
    parser.add_argument("--all", action="store_true", help="also what is unchanged, line by line")
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    """The table, the lines to add, one sentence; the exit code."""
    said, settings = _of_settings(args)
    said += _of_documents(args, settings)
    bad = any(one.outcome in LOST for one in said)
    if args.json:
        shown = [{**dataclasses.asdict(one), "outcome": OUTCOMES[one.outcome]} for one in said]
        print(json.dumps({"ok": not bad, "said": shown}, indent=2))
        return int(bad)
    order = list(OUTCOMES)
    told = said if args.all else [one for one in said if one.outcome != order[0]]
    rows = [
        [OUTCOMES[one.outcome], one.where, one.name, one.ours, one.why]
        for one in sorted(told, key=lambda one: order.index(one.outcome))
    ]
    if rows:
        heads = ["", "where", "there", "here", "why"]
        print(tabulate(rows, heads, tablefmt="plain", disable_numparse=True))
        print()
    lines = list(dict.fromkeys(one.add for one in said if one.add))
    if lines:
        print("lines to add:", *lines, sep="\n  ")
        print()
    counts = {name: sum(one.outcome == name for one in said) for name in order}
    print(", ".join(f"{counts[name]} {OUTCOMES[name]}" for name in order))
    return int(bad)


# ---------------------------------------------------------------- settings
def _of_settings(args: argparse.Namespace) -> tuple[list[TheirSaid], Settings | None]:
    """What was said of the settings; None where a start would be refused."""
    if args.config is None:
        return [], None
    try:
        settings = load_settings(args.config, os.environ, ORIGINAL)
    except OperatorError as error:
        if not Path(args.config).is_file():
            raise
        return [_refused(one) for one in error.complaints], None
    return list(settings.said), settings


def _refused(one: Complaint) -> TheirSaid:
    return TheirSaid(one.where, one.path, REFUSED, "", one.text)


# ---------------------------------------------------------------- documents
def _of_documents(args: argparse.Namespace, settings: Settings | None) -> list[TheirSaid]:
    file = args.resources
    if file is None and args.etcd is None and settings is not None and settings.resources_file:
        file = str(settings.resources_file)
    if file is not None:
        return list(_of_file(file, os.environ))
    if args.etcd is not None or (settings is not None and settings.etcd.endpoints):
        return list(_of_etcd(args, settings))
    return []


def _of_file(file: str, environ: Mapping[str, str]) -> Iterator[TheirSaid]:
    try:
        _, lines = read_theirs(file, environ)
    except OperatorError as error:
        yield from (_refused(one) for one in error.complaints)
    else:
        for one in lines.said:
            yield dataclasses.replace(one, where=lines.where(one.where))


def read_theirs(file: str, environ: Mapping[str, str]) -> tuple[int, yaml_document.Lines]:
    """How many resources a file of the original's holds; OperatorError with every complaint."""
    try:
        text = Path(file).read_text("utf-8")
    except OSError as error:
        raise OperatorError(f"{file}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise OperatorError([Complaint(f"{file}:1", "", "not UTF-8")]) from None
    items, lines = yaml_document.read(text, file, environ, theirs=True)
    try:
        check_items(Snapshot((), 0), items, now=time.time())
    except ChangeRefused as refused:
        raise OperatorError(lines.placed(refused.complaints)) from None
    return len(items), lines


def validate(file: str, environ: Mapping[str, str]) -> int:
    """`aisix validate --resources FILE`, in the words of the original."""
    try:
        count, lines = read_theirs(file, environ)
    except OperatorError as error:
        wrong = error.complaints
        print(f"resources file {file}: {len(wrong)} error(s):", file=sys.stderr)
        for one in wrong:
            print(f"  - {one}", file=sys.stderr)
        return 1
    print(f"OK: {file} loaded {count + sum(lines.not_served.values())} resource(s)")
    return 0


def _of_etcd(args: argparse.Namespace, settings: Settings | None) -> Iterator[TheirSaid]:
    """Every document under the prefix, judged as a node judges it."""
    from aisix.cli.etcd_documents import found_in_etcd
    from aisix.store.etcd.judge import Judge

    layout, found = found_in_etcd(args.etcd, args.prefix, settings)
    documents: dict[Name, KeyValue] = {}
    others: dict[str, list[KeyValue]] = {}
    for kv in found:
        name = layout.name_of(kv.key)
        if name is not None and name[0] in KINDS.names:
            documents[name] = kv
        else:
            others.setdefault(name[0] if name else "(no kind)", []).append(kv)
    secret = settings.encryption_key if settings is not None else None
    judge = Judge(Keyring.open(Path("."), secret or OF_NOBODY))  # of no file
    judge.settle(documents)
    for name, kv in documents.items():
        yield from _judged(judge, name, kv.value)
    for kind, kvs in others.items():
        yield _of_kind(kind, kvs)


def _judged(judge: Judge, name: Name, value: bytes) -> Iterator[TheirSaid]:
    """One document: what became of its fields, and what stands against it."""
    from aisix.store.etcd.judge import IGNORED
    from aisix.store.etcd.layout import META

    where = "/".join(name)
    refused = judge.refused.get(name)
    if refused is not None:
        for text in refused.complaints:
            yield TheirSaid(where, "", REFUSED, "", text)
        return
    document = json.loads(value)
    said: list[TheirSaid] = []
    if META not in document:
        there = THERE.get(name[0], name[0])
        said = moved_document(there, document, where).said
        yield from said
    told = {one.name for one in said if one.lost}
    for one in judge.partial.get(name, ()):
        field = one.removeprefix(IGNORED)
        if field == one:
            yield TheirSaid(where, one, NOT_SERVED, "", "a field that neither gateway knows")
        elif field not in told:
            yield TheirSaid(where, field, DIFFERENT, "", UNFIT)


UNFIT = "is loaded, but no such value can be used: calls that need it are refused"


def _of_kind(kind: str, kvs: Sequence[KeyValue]) -> TheirSaid:
    rows = kinds().get(kind)
    if rows is None:
        return TheirSaid(
            kind, kind, REFUSED, "", f"{len(kvs)} of a kind that neither gateway knows"
        )
    names = [kv.key.decode("utf-8", "replace").rpartition("/")[2] for kv in kvs]
    return TheirSaid(kind, kind, NOT_SERVED, "", not_served_words(rows, len(kvs), names))
