"""`aisix mappings`: see, check, explain, test and compare the translation tables.

Exit code 0: fine; 1: there are findings; 2: wrong usage. `--json` on every verb. The only place
that lays out tables for a terminal.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from tabulate import tabulate

from aisix.errors import OperatorError
from aisix.mapping import cases, explain, paths
from aisix.mapping.check import check, check_shelves
from aisix.mapping.exchange import Exchange, Target
from aisix.mapping.loader import Effective, Mapping, Mappings, load_mappings
from aisix.mapping.paths import Json
from aisix.mapping.shelf import unpack
from aisix.mapping.source import SOURCES, Tree

Row = tuple[str, ...]


def add_parser(parser: argparse.ArgumentParser) -> None:
    """Every verb and its options; `folders` are the configured ones, shipped first."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")

    def verb(name: str, help: str, run: Callable[..., int]) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=help, description=help)
        sub.add_argument("--json", action="store_true", help="print JSON")
        sub.add_argument(
            "--dir", action="append", default=[], metavar="DIR", help="a site's tables"
        )
        sub.set_defaults(run=run)
        return sub

    verb("list", "the mappings there are", list_)
    sub = verb("show", "the effective rules for one model, and where each came from", show)
    sub.add_argument("mapping", nargs="?", help="a name of `aisix mappings list`")
    _pick(sub)
    sub = verb("check", "syntax, grammar, names, cases: every complaint at once", check_)
    sub.add_argument("folder", nargs="?", metavar="DIR", help="a site's tables, laid over ours")
    sub.add_argument("--no-cases", action="store_true", help="do not run the cases")
    sub.add_argument("--packed", action="store_true", help=argparse.SUPPRESS)  # a reload's own
    sub = verb("explain", "why a request, an answer or a stream is translated as it is", explain_)
    sub.add_argument("file", metavar="FILE", help="caller request (JSON), upstream answer (JSON)"
                     " or captured stream (.sse); - is standard input")  # fmt: skip
    sub.add_argument("--request", metavar="FILE", help="the request an answer belongs to")
    sub.add_argument("--status", type=int, default=200, help="status of the upstream's answer")
    sub.add_argument("--mapping", help="default: the first one")
    _pick(sub)
    sub = verb("test", "run the golden cases", test)
    sub.add_argument("case", nargs="?", help="a case's name, or a part of it")
    sub.add_argument("--accept", action="store_true", help="write what is built now as expected")
    sub = verb("diff", "what a site's tables change", diff)
    sub.add_argument("folder", metavar="DIR")


def _pick(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--model", default="", help="upstream model; default: the newest row")
    sub.add_argument("--version", help="API version of the upstream")
    sub.add_argument("--strict", action="store_true", help="refuse instead of dropping")
    sub.add_argument("--option", action="append", default=[], metavar="NAME=VALUE")
    sub.add_argument("--trait", action="append", default=[], metavar="NAME")


def run(args: argparse.Namespace, folders: Sequence[Path]) -> int:
    """One verb. Complaints go to standard error, one a line."""
    every = [*folders, *(Path(folder) for folder in args.dir)]
    try:
        return int(args.run(args, every))
    except OperatorError as error:
        if args.json:
            _json({"ok": False, "findings": [_complaint(c) for c in error.complaints]})
        else:
            print(error, file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"aisix mappings: {error}", file=sys.stderr)
        return 2


# ---------------------------------------------------------------- verbs
def list_(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    rows = []
    for name, mapping in mappings.mappings.items():
        models = mapping.tree.data.get("models") or {}
        rows.append(
            {
                "mapping": name,
                "adapter": mapping.adapter,
                "digest": mapping.digest,
                "model rows": len(models.get("model", {})),
                "traits": len(mapping.traits),
                "cases": sum(1 for _ in cases.find(mapping.folders, name)),
                "title": str(mapping.tree.data["mapping"]["title"]),
            }
        )
    return _table(args, rows)


def show(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    mapping = _mapping(mappings, args.mapping)
    tables = _effective(mapping, args)
    if not args.json:
        traits = ", ".join(tables.traits) or "none"
        print(f"{tables.name}@{tables.digest}  model row {tables.row}  version {tables.version}")
        print(f"traits: {traits}\n")
    rows = [
        {"rule": path, "is": text, "file:line": where} for path, text, where in _rules(tables.tree)
    ]
    return _table(args, rows)


def check_(args: argparse.Namespace, folders: list[Path]) -> int:
    if args.folder:
        if not Path(args.folder).is_dir():
            raise ValueError(f"{args.folder}: no such folder")
        folders = [*folders, Path(args.folder)]
    began = time.perf_counter()
    if args.packed:  # the very files a gateway is about to take over; it goes on meanwhile
        os.nice(5)
        packed, proven = msgspec.msgpack.decode(sys.stdin.buffer.read())
        findings = check_shelves(unpack(packed), proven=proven, every=8)
    else:
        findings = check(folders, with_cases=not args.no_cases)
    took = time.perf_counter() - began
    if args.json:
        _json({"ok": not findings, "findings": [_complaint(f) for f in findings]})
    else:
        for finding in findings:
            print(finding)
        print(f"{len(findings)} findings" if findings else f"fine ({took:.1f} s)")
    return 1 if findings else 0


def explain_(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    mapping = _mapping(mappings, args.mapping)
    data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    what = _kind(data, mapping)
    asked = msgspec.json.decode(Path(args.request).read_bytes()) if args.request else None
    tables = _effective(mapping, args, asked)
    talk = Exchange(
        tables,
        mapping.caller,
        Target(mapping.caller.sample_alias, args.model or mapping.example(), args.strict),
        now=int(time.time()),
        new_id=lambda: "0",
    )
    if what == "request":
        report = explain.explain_request(talk, msgspec.json.decode(data), {})
    else:
        body = asked or mapping.caller.sample
        if what == "stream":
            paths.put(body, mapping.caller.stream.steps, True)
        talk.request(body)
        if what == "stream":
            report = explain.explain_stream(talk, data)
        else:
            report = explain.explain_answer(talk, args.status, {}, data)
    return _told(args, report)


def test(args: argparse.Namespace, folders: list[Path]) -> int:
    mappings = load_mappings(folders)
    failed: list[dict[str, Json]] = []
    count = 0
    for mapping in mappings.mappings.values():
        for case in cases.find(mapping.folders, mapping.name):
            if args.case and args.case not in f"{mapping.name}/{case.name}":
                continue
            count += 1
            wrong = cases.run(case, mapping)
            if wrong and args.accept:
                for name, content in cases.actual(case, mapping).items():
                    (case.folder / name).write_bytes(content)
                print(f"accepted {mapping.name}/{case.name}")
            elif wrong:
                failed.append({"case": f"{mapping.name}/{case.name}", "wrong": wrong})
    if not count:
        raise ValueError(f"no case is named {args.case}" if args.case else "there are no cases")
    if args.json:
        _json({"ok": not failed, "cases": count, "failed": failed})
    else:
        for one in failed:
            print(f"{one['case']}")
            for text in one["wrong"]:
                print(f"    {text}")
        print(f"{count - len(failed)} of {count} cases hold")
    return 1 if failed else 0


def diff(args: argparse.Namespace, folders: list[Path]) -> int:
    site = Path(args.folder)
    if not site.is_dir():
        raise ValueError(f"{site}: no such folder")
    ours, theirs = load_mappings(folders), load_mappings([*folders, site])
    rows = []
    for name, mapping in theirs.mappings.items():
        old = ours.mappings.get(name)
        before = _flat(old) if old else {}
        after = _flat(mapping)
        for key in sorted({*before, *after}):
            if before.get(key, ("",))[0] != after.get(key, ("",))[0]:
                rows.append(
                    {
                        "mapping": name,
                        "key": key,
                        "shipped": before.get(key, ("(none)", ""))[0],
                        "with this folder": after.get(key, ("(none)", ""))[0],
                        "file:line": after.get(key, before.get(key, ("", "")))[1],
                    }
                )
    _table(args, rows)
    if not rows and not args.json:
        print("no difference")
    return 1 if rows else 0


# ---------------------------------------------------------------- what they share
def _mapping(mappings: Mappings, name: str | None) -> Mapping:
    names = sorted(mappings.mappings)
    wanted = name or next(
        (n for n, m in mappings.mappings.items() if m.caller.data.get("default")), names[0]
    )
    if wanted not in mappings.mappings:
        raise ValueError(f"no mapping {wanted}; there are: {', '.join(names)}")
    return mappings.mappings[wanted]


def _effective(mapping: Mapping, args: argparse.Namespace, body: Json = None) -> Effective:
    options: dict[str, Json] = {}
    for text in args.option:
        name, sign, value = text.partition("=")
        if not sign:
            raise ValueError(f"--option {text}: write NAME=VALUE")
        try:
            options[name] = msgspec.json.decode(value)
        except msgspec.DecodeError:
            options[name] = value
    return mapping.effective(args.model, args.version, options, tuple(args.trait))


def _kind(data: bytes, mapping: Mapping) -> str:
    """request, answer or stream, by what is in it."""
    if data.lstrip()[:1] != b"{":
        return "stream"
    body = msgspec.json.decode(data)
    plain = (mapping.tree.data.get("answer") or {}).get("plain", {}).get("check", {})
    error = (mapping.tree.data.get("errors") or {}).get("body", {}).get("type", "").split(".")[0]
    if (plain and all(body.get(k) == v for k, v in plain.items())) or (error and error in body):
        return "answer"
    return "request"


def _rules(tree: Tree) -> Iterator[tuple[str, str, str]]:
    """Every rule and value: dotted path, the rule in short, where it was written."""

    def walk(node: Json, keys: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        if not isinstance(node, dict) or not node or _is_one(tree, node, keys):
            yield ".".join(keys), _text(node), tree.where(keys)
            return
        for key, value in node.items():
            yield from walk(value, (*keys, key))

    for file in ("request", "values", "answer", "errors"):
        yield from walk(tree.data.get(file) or {}, (file,))


def _is_one(tree: Tree, node: dict[str, Json], keys: tuple[str, ...]) -> bool:
    """Whether a table is shown whole: a rule, or something written on one line."""
    if any(isinstance(value, dict) for value in node.values()):
        return False
    lines = {tree.where((*keys, key)) for key in node}
    return any(key in SOURCES for key in node) or len(lines) == 1 < len(node)


def _flat(mapping: Mapping) -> dict[str, tuple[str, str]]:
    out: dict[str, tuple[str, str]] = {}
    trees = [("", mapping.tree), *((f"traits.{n}.", t) for n, t in mapping.traits.items())]
    for prefix, tree in trees:
        for path, text, where in _leaves(tree):
            out[prefix + path] = (text, where)
    return out


def _leaves(tree: Tree) -> Iterator[tuple[str, str, str]]:
    def walk(node: Json, keys: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        if isinstance(node, dict) and node:
            for key, value in node.items():
                yield from walk(value, (*keys, key))
        else:
            yield ".".join(keys), _text(node), tree.where(keys)

    yield from walk(tree.data, ())


def _told(args: argparse.Namespace, report: explain.Report) -> int:
    if args.json:
        _json(
            {
                "status": report.status,
                "result": report.result,
                "error": report.error,
                "warnings": report.warnings,
                "lines": [
                    msgspec.structs.asdict(e) if isinstance(e, msgspec.Struct) else _entry(e)
                    for e in report.entries
                ],
            }
        )
    else:
        rows = [
            {
                "result": e.target,
                "value": _text(e.value) if e.value is not None else "",
                "why": e.why + (f" ({e.source})" if e.source and e.source not in e.target else ""),
                "file:line": e.where,
            }
            for e in report.entries
        ]
        _table(args, rows)
        if report.error is not None:
            print(f"\nrefused with {report.status}: {_text(report.error)}")
        if report.warnings:
            print(f"\nx-aisix-warnings: {report.warnings}")
    return 1 if report.error is not None else 0


def _entry(entry: explain.Entry) -> dict[str, Json]:
    return {
        "target": entry.target,
        "value": entry.value,
        "why": entry.why,
        "where": entry.where,
        "source": entry.source,
    }


def _text(value: Json) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()


def _complaint(finding: Any) -> dict[str, str]:
    return {"where": finding.where, "path": finding.path, "message": finding.text}


def _table(args: argparse.Namespace, rows: list[dict[str, Json]]) -> int:
    """Rows that fit the terminal: the widest column but the last gives way."""
    if args.json:
        _json(rows)
        return 0
    if not rows:
        return 0
    width = shutil.get_terminal_size((100, 24)).columns
    names = list(rows[0])
    shared = _shared([str(row["file:line"]) for row in rows if row.get("file:line")])
    if shared:
        print(f"files below {shared}\n")
        for row in rows:
            row["file:line"] = str(row.get("file:line", "")).removeprefix(shared)
    widest = {n: max(len(n), *(len(str(row[n])) for row in rows)) for n in names}
    limits: dict[str, int] = dict(widest)
    while sum(limits.values()) + 2 * (len(names) - 1) > width:
        longest = max(names, key=lambda n: limits[n] - (1000 if n == "file:line" else 0))
        if limits[longest] <= 12:
            break
        limits[longest] -= 1
    shown = [[_cut(str(row[n]), limits[n]) for n in names] for row in rows]
    print(tabulate(shown, names, tablefmt="simple", disable_numparse=True))
    return 0


def _shared(places: list[str]) -> str:
    """The folder all files are in, with its slash; "" when they share none."""
    folders = {place.rpartition("/traits/")[0] or place.rpartition("/")[0] for place in places}
    return folders.pop() + "/" if len(folders) == 1 else ""


def _cut(text: str, limit: int) -> str:
    text = text.replace("\n", "\\n")
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _json(value: Any) -> None:
    print(msgspec.json.format(msgspec.json.encode(value, enc_hook=repr), indent=2).decode())
