"""Captured exchanges (`aisix capture`): explained, tested against today's tables, made a case."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import msgspec

from aisix.cli.mappings.output import write_json
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, Mappings, load_mappings
from aisix.mapping.parse.files import CASES
from aisix.mapping.parse.meant import near
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify import cases, explain
from aisix.mapping.verify.accepting import actual, as_toml, expected
from aisix.mapping.verify.captured import CapturedAttempt, CapturedExchange, differences_of, read
from aisix.mapping.verify.case_files import ABOUT

MARK = re.compile(rb'"aisix_capture"\s*:')
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
Reports = list[tuple[str, explain.Report]]


def is_captured(data: bytes) -> bool:
    """Whether a file is what `aisix capture` writes."""
    if MARK.search(data) is None:
        return False
    try:
        body = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return type(body) is dict and "aisix_capture" in body


def explained(args: argparse.Namespace, mappings: Mappings, data: bytes) -> tuple[Reports, str]:
    """The reports of its request and of each round's answer, and the callers' dialect."""
    found = read(data, args.file)
    mapping = _mapping(found, mappings)
    target = found.target
    tables = mapping.effective(
        target.model, target.version or None, target.options, target.traits, found.overlays
    )
    body = _body(found)
    made = iter(found.made)
    talk = Exchange(
        tables,
        mapping.caller.of(found.request_id or "req_0"),
        ResolvedModel(_alias(found, mapping), target.model, target.strict or args.strict),
        now=found.now,
        new_id=lambda: next(made, "0"),
        compiled=False,
    )
    _told_of_tables(found, tables.digest)
    asked = explain.explain_request(talk, body, found.request.headers, args.trace)
    reports: Reports = [("request", asked)]
    if asked.error is not None or args.as_ == "request":
        return reports, mapping.caller.name
    for number, one in enumerate(found.rounds, 1):
        said = one.answer
        if said is None or said.left_out:
            why = said.left_out if said is not None else _none_came(one)
            print(f"the upstream's answer is not in the file: {why}", file=sys.stderr)
            break
        title = f"answer {number}" if len(found.rounds) > 1 else "answer"
        if said.streamed:
            report = explain.explain_stream(talk, said.data, args.trace)
        else:
            report = explain.explain_answer(talk, said.status, said.headers, said.data, args.trace)
        reports.append((title, report))
        if talk.take_continuation() is None:
            break
    return reports, mapping.caller.name


def _none_came(one: CapturedAttempt) -> str:
    return f"none came ({one.error})" if one.error else "none came"


def tested(args: argparse.Namespace, mappings: Mappings) -> int:
    """What the tables of now make of a captured exchange otherwise than it came out then."""
    if args.accept:
        raise ValueError("--accept is for cases: see `aisix mappings new-case`")
    found = read(Path(args.case).read_bytes(), args.case)
    wrong = differences_of(found, _mapping(found, mappings))
    if args.json:
        failed = [{"case": args.case, "folder": "", "wrong": wrong}] if wrong else []
        write_json({"ok": not wrong, "cases": 1, "failed": failed, "accepted": []})
        return 1 if wrong else 0
    for text in wrong:
        print(f"    {text}")
    how = " (redacted: texts are compared by length and kind)" if found.redacted else ""
    print(f"{args.case}: {'comes out otherwise' if wrong else 'comes out as it did'}{how}")
    return 1 if wrong else 0


# ---------------------------------------------------------------- a golden case
def new_case(args: argparse.Namespace, folders: list[Path]) -> int:
    """Write one; what must come out is what the tables make of it now."""
    file = Path(args.from_)
    found = read(file.read_bytes(), args.from_)
    mappings = load_mappings(folders)
    mapping = _mapping(found, mappings)
    name = args.name or re.sub(r"[^A-Za-z0-9._-]+", "-", file.stem).strip("-.") or "captured"
    if not NAME.fullmatch(name):
        raise ValueError(f"--name {name}: letters, digits, `.`, `_` and `-`")
    into = Path(args.to or (args.dir[-1] if args.dir else "."))
    folder = into / mapping.name / CASES / name
    if folder.exists():
        raise ValueError(f"{folder}: there is one already; take another --name")
    case = found.case(mapping.caller, folder)
    given = {n: data for n, data in case.files.items() if not n.startswith("upstream-request")}
    about = {"reason": args.reason or f"as captured on {found.at[:10]}", **case.about}
    about |= {key: said for key, said in expected(case, mapping).items() if said is not None}
    files = {**given, **actual(case, mapping)}
    folder.mkdir(parents=True)
    for one, data in {**files, ABOUT: as_toml(about)}.items():
        (folder / one).write_bytes(data)
    wrong = cases.run(next(cases.of_folder(into, mapping.name, 0, [name])), mapping)
    if args.json:
        listed = sorted({*files, ABOUT})
        write_json({"ok": not wrong, "folder": str(folder), "files": listed, "wrong": wrong})
    else:
        print(folder)
        for one in sorted({*files, ABOUT}):
            print(f"    {one}")
        for text in wrong:
            print(f"does not hold: {text}")
        print("look at what must come out: it is what the tables make of it now")
        if found.rounds and found.rounds[-1].answer is None:
            print(f"it is of the request alone: of the answer {_none_came(found.rounds[-1])}")
        if not found.redacted:
            print("and at what it says: it holds what a caller and a model said")
    return 1 if wrong else 0


# ---------------------------------------------------------------- what it is of
def _mapping(found: CapturedExchange, mappings: Mappings) -> Mapping:
    name = found.target.mapping
    if name not in mappings.mappings:
        hint = near(name, mappings.mappings)
        raise ValueError(f"it was translated by {name}, which is not here{hint}: see --dir")
    return mappings.mappings[name]


def _body(found: CapturedExchange) -> dict[str, Json]:
    if found.request.left_out:
        raise ValueError(f"the caller's request is not in the file: {found.request.left_out}")
    body = found.request.body
    if type(body) is not dict:
        raise ValueError("the caller's request in the file is no JSON object")
    return body


def _alias(found: CapturedExchange, mapping: Mapping) -> str:
    named = paths.get(found.request.body, mapping.caller.alias.steps)
    return named if type(named) is str else found.alias


def _told_of_tables(found: CapturedExchange, digest: str) -> None:
    then = found.rounds[-1].tables if found.rounds else ""
    if then and digest[:8] not in then:
        text = "the tables are not those of then"
        print(f"{text} ({then}, now {digest[:8]}): see `aisix mappings test FILE`", file=sys.stderr)
