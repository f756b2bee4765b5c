"""The verb explain: why a request, an answer or a stream is translated as it is."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from aisix.cli.mappings import alias, captures
from aisix.cli.mappings.output import WHERE, Row, one_line, table, write_json
from aisix.cli.mappings.select import effective, mapping_named
from aisix.errors import OperatorError
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Effective, Mapping, Mappings, load_mappings
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.budget import Spent
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import explain
from aisix.mapping.verify.changed import changed
from aisix.mapping.verify.document import document
from aisix.mapping.verify.followed import followed

LONGEST_VALUE = 400  # characters of a value, without --wide
Reports = list[tuple[str, explain.Report]]  # what of the file, and its report


def explain_(args: argparse.Namespace, folders: list[Path]) -> int:
    data = sys.stdin.buffer.read() if args.file == "-" else Path(args.file).read_bytes()
    mappings = load_mappings(folders)
    reports, dialect = _explained(args, mappings, data)
    failed = any(report.error is not None for _, report in reports)
    if args.diff:
        if not Path(args.diff).is_dir():
            raise ValueError(f"{args.diff}: no such folder")
        theirs = load_mappings([*folders, Path(args.diff)])
        after, _ = _explained(args, theirs, data)
        return _differ(args, reports, after)
    if args.trace:
        return _followed(args, mappings, reports)
    if args.json:
        documents = [document(report, mappings, dialect) for _, report in reports]
        write_json(documents[0] if len(documents) == 1 else {"reports": documents})
        return 1 if failed else 0
    for name, report in reports:
        if name:
            print(f"{name}\n")
        _told(report, args.wide)
    return 1 if failed else 0


def _explained(args: argparse.Namespace, mappings: Mappings, data: bytes) -> tuple[Reports, str]:
    """The reports of what a file holds, and the callers' dialect."""
    if data.lstrip()[:1] == b"{" and captures.is_captured(data):
        return captures.explained(args, mappings, data)
    if args.alias:
        found = alias.served(args, mappings)
        mapping, model, name = found.mapping, found.model, found.alias
        tables = found.tables(args.version)
    else:
        mapping = mapping_named(mappings, args.mapping)
        tables = effective(mapping, args)
        model, name = args.model or mapping.example(), mapping.caller.sample_alias
    asked = _object(Path(args.request).read_bytes(), args.request) if args.request else None
    reports: Reports = []
    for title, what, part in _parts(args, data, mapping, tables):
        talk = Exchange(
            tables,
            mapping.caller,
            ResolvedModel(name, model, args.strict),
            now=int(time.time()) if args.now is None else args.now,
            new_id=lambda: "0",
            compiled=False,
        )
        try:
            reports.append((title, _report(args, talk, what, part, asked)))
        except Spent:
            raise OperatorError(
                f"{args.file}: translating it would cost more than it may"
            ) from None
    return reports, mapping.caller.name


def _report(
    args: argparse.Namespace, talk: Exchange, what: str, data: bytes, asked: dict[str, Json] | None
) -> explain.Report:
    headers = _headers(args)
    if what == "request":
        return explain.explain_request(talk, _object(data, args.file), headers, args.trace)
    body = asked or talk.caller.sample
    if what == "stream":
        paths.put(body, talk.caller.stream.steps, True)
    talk.request(body)
    if what == "stream":
        return explain.explain_stream(talk, data, args.trace)
    return explain.explain_answer(talk, args.status, headers, data, args.trace)


def _headers(args: argparse.Namespace) -> dict[str, str]:
    found = {}
    for text in args.header:
        name, sign, value = text.partition("=")
        if not sign:
            name, sign, value = text.partition(":")
        if not sign:
            raise ValueError(f"--header {text}: write NAME=VALUE")
        found[name.strip().lower()] = value.strip()
    return found


def _object(data: bytes, name: str) -> dict[str, Json]:
    try:
        found = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError) as error:
        raise ValueError(f"{name}: not JSON: {error}") from None
    if type(found) is not dict:
        raise ValueError(f"{name}: expected a JSON object")
    return found


def _parts(
    args: argparse.Namespace, data: bytes, mapping: Mapping, tables: Effective
) -> Iterator[tuple[str, str, bytes]]:
    """(title, request | answer | stream, its bytes) of all that a file holds."""
    lines = _objects(data)
    if len(lines) < 2:
        yield "", args.as_ or _kind(data, mapping, tables), data
        return
    asks = _asks(_object(lines[0], args.file), mapping)
    if args.as_ == "request" or (args.as_ is None and asks):
        for number, line in enumerate(lines, 1):
            yield f"line {number}", "request", line
    else:  # the events of a stream
        yield "", "stream", b"".join(b"data: " + line + b"\n\n" for line in lines)


def _objects(data: bytes) -> list[bytes]:
    """The lines of a file in which every line is a JSON object; none of any other file."""
    lines = [line for line in data.splitlines() if line.strip()]
    if not all(line.lstrip()[:1] == b"{" for line in lines):
        return []
    try:
        found = [msgspec.json.decode(line) for line in lines]
    except (msgspec.DecodeError, UnicodeError):
        return []
    return lines if all(type(one) is dict for one in found) else []


def _kind(data: bytes, mapping: Mapping, tables: Effective) -> str:
    """request, answer or stream, by what is in it."""
    if data.lstrip()[:1] != b"{":
        return "stream"
    body = _object(data, "the file")
    plain = tables.answer.plain
    answered = plain is not None and bool(plain.check) and plain.knows(body)
    refused = tables.is_error(body)
    asks = _asks(body, mapping)
    return "answer" if refused or (answered and not asks) else "request"


def _asks(body: dict[str, Json], mapping: Mapping) -> bool:
    """Whether it names an alias and what else the smallest request has."""
    named = paths.get(body, mapping.caller.alias.steps)
    return named is not None and any(
        body.get(name) is not None for name in mapping.caller.sample if body.get(name) != named
    )


# ---------------------------------------------------------------- what is printed
def _told(report: explain.Report, wide: bool) -> None:
    rows: list[Row] = [
        {
            report.title: e.target,
            "value": "" if e.value is None and e.target[:1] == "(" else _value(e.value, wide),
            "from": e.source,
            "why": e.why,
            WHERE: e.where,
        }
        for e in report.entries
    ]
    table(rows, False, wrap=True, wide=wide)
    if report.error is not None:
        print(f"\nrefused with {report.status}: {one_line(report.error)}")
    if report.warnings:
        print(f"\nx-aisix-warnings: {report.warnings}")


def _value(value: Json, wide: bool) -> str:
    text = one_line(value)
    if wide or len(text) <= LONGEST_VALUE:
        return text
    return f"{text[:LONGEST_VALUE]}… ({len(text):,} characters)"


def _differ(args: argparse.Namespace, before: Reports, after: Reports) -> int:
    """What the tables of --diff change; 1 when they do."""
    rows: list[Row] = []
    for (title, one), (_, other) in zip(before, after, strict=True):
        for change in changed(one, other):
            rows.append(
                {
                    **({"of": title} if title else {}),
                    "field": change.out,
                    "without": _value(change.before, args.wide or args.json),
                    "with": _value(change.after, args.wide or args.json),
                    "rule": change.rule,
                    WHERE: change.where,
                }
            )
    if args.json:
        write_json({"changes": rows})
    elif rows:
        table(rows, False, wrap=True, wide=args.wide)
    else:
        print("no difference")
    return 1 if rows else 0


def _followed(args: argparse.Namespace, mappings: Mappings, reports: Reports) -> int:
    """What one rule did; 1 when it never wrote anything."""
    runs = [(title, run) for title, report in reports for run in followed(report, args.trace)]
    if args.json:
        write_json({"rule": args.trace, "runs": [msgspec.to_builtins(run) for _, run in runs]})
    else:
        rows: list[Row] = [
            {
                "rule": run.rule,
                "of": f"{title} {run.item}".strip(),
                "outcome": run.outcome,
                "steps, or why not": ", then ".join(
                    [f"{what}: {_value(value, args.wide)}" for what, value in run.steps]
                    + ([run.why] if run.why else [])
                ),
                WHERE: run.where,
            }
            for title, run in runs
        ]
        table(rows, False, wrap=True, wide=args.wide)
    return 0 if any(run.outcome == "written" for _, run in runs) else 1
