"""Golden cases: a folder each under `<mapping>/cases/`, read and run by tests, CLI, reload and
bench.

    case.toml               reason, model, and what else differs from the defaults below
    caller-request.json     what the caller sends (default: the dialect's sample)
    upstream-request.json   what the upstream must get, or
                            (neither that nor any other upstream file: it is answered here)
    caller-error.json       the error body the caller must get instead
    upstream-response.json  what the upstream answers, and caller-response.json what the caller gets
    upstream-stream.sse     the same as a stream, and caller-stream.sse
    upstream-response.txt   instead of .json: an answer that is no JSON
    upstream-request-2.json, upstream-response-2.json, upstream-stream-2.sse
                            the next round of a paused turn, and so on

case.toml: reason (text), model (upstream model), alias, version, strict, options, traits, overlay
(the alias's own tables), now, warnings (the exact x-aisix-warnings), headers (upstream request
headers that must be there), status (of the caller's answer), upstream_status, upstream_headers,
answer_headers (exactly those made of the upstream's).
"""

from __future__ import annotations

import random
import traceback
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, pairwise
from pathlib import Path

import msgspec

from aisix.errors import CallerError, Complaint, OperatorError
from aisix.mapping.dialect.upstream_errors import CallerDialect
from aisix.mapping.exchange import Answer, Exchange, ResolvedModel
from aisix.mapping.grammar.cases import CASE_FILES, EXPECTED_KEYS
from aisix.mapping.mappings import Mapping
from aisix.mapping.parse import schema, toml_tree
from aisix.mapping.parse.files import CASES
from aisix.mapping.parse.inline import read_inline
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.paths import Json
from aisix.mapping.verify.case_files import ABOUT, case_files, wrong_names
from aisix.mapping.verify.differences import differences, frame_differences, frames

GOOD, REFUSED = 200, 400  # the status a case expects where it says none


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    folder: Path
    about: dict[str, Json]
    files: dict[str, bytes] = field(repr=False)
    compiled: bool = True  # run by the tables' compiled form, or rule by rule
    layer: int = 0  # number of the folder it is in: a case is a promise of these tables so far

    def json(self, name: str) -> Json:
        return msgspec.json.decode(self.files[name])

    def request(self, caller: CallerDialect, streamed: bool | None = None) -> dict[str, Json]:
        """What the caller sends; the dialect's sample when the case brings nothing of its own."""
        if "caller-request.json" in self.files:
            body = dict(self.json("caller-request.json"))
        else:
            body = caller.sample
            if "alias" in self.about:
                paths.put(body, caller.alias.steps, self.about["alias"])
        if streamed is not None:  # one case may hold both forms of an answer
            paths.put(body, caller.stream.steps, streamed)
        return body


def find(folders: tuple[Path, ...], mapping: str) -> Iterator[Case]:
    """Every case of a mapping, folder by folder; OperatorError for a broken case.toml, or a
    file that is no JSON."""
    for layer in range(len(folders)):
        yield from of_folder(folders[layer], mapping, layer)


def of_folder(
    folder: Path, mapping: str, layer: int, only: Collection[str] | None = None
) -> Iterator[Case]:
    """Those of one folder; with `only`, the ones of these names."""
    for path, files in case_files(folder / mapping, only):
        shown = f"{folder.name}/{mapping}/{CASES}/{path.name}/{ABOUT}"
        yield _load(path, files, shown, layer)


def _load(folder: Path, files: dict[str, bytes], shown: str, layer: int) -> Case:
    below = shown.removesuffix(ABOUT)
    wrong = [Complaint(below + name, "", text) for name, text in wrong_names(files)]
    wrong += [Complaint(below + name, "", text) for name, text in _no_json(files)]
    if wrong:
        raise OperatorError(wrong)
    tree = toml_tree.parse(files.pop(ABOUT), shown)
    tree.data = schema.read(tree.data, "case", tree, (), wrong)
    if wrong:
        raise OperatorError(wrong)
    return Case(folder.name, folder, tree.data, files, layer=layer)


def _no_json(files: dict[str, bytes]) -> Iterator[tuple[str, str]]:
    """(name, what is wrong with it) of each file that has to be JSON; an answer may be anything."""
    for name, data in files.items():
        if name.endswith(".json") and not name.startswith("upstream-response"):
            try:
                body = msgspec.json.decode(data)
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                yield name, f"is no JSON: {error}"
            else:
                if name == "caller-request.json" and not isinstance(body, dict):
                    yield name, "a request is a JSON object"


def exchange(case: Case, mapping: Mapping) -> Exchange:
    about = case.about
    model = about.get("model") or mapping.example()
    own = read_inline(about.get("overlay", ()), f"{case.name}: overlay")
    tables = mapping.effective(
        model, about.get("version"), about.get("options"), about.get("traits", ()), own
    )
    target = ResolvedModel(
        about.get("alias") or mapping.caller.sample_alias, model, about.get("strict", False)
    )
    return Exchange(
        tables,
        mapping.caller.of("req_0"),
        target,
        now=about.get("now", 1795000000),
        new_id=lambda: "msg_0",
        compiled=case.compiled,
    )


def run(case: Case, mapping: Mapping) -> list[str]:
    """What is wrong with the case, rule by rule; empty when it holds.

    That the compiled form gives the same, and a stream the same in pieces, is the engine's doing:
    `both_forms.py`.
    """
    case = replace(case, compiled=False)
    try:
        wrong = _request(case, mapping) + _answer(case, mapping) + _stream(case, mapping)
        return wrong + _local(case, mapping) or unsaid(case)
    except OperatorError as error:
        return [str(error)]
    except Exception as error:  # a table that asks a verb for what it cannot do
        return [broke(error)]


def unsaid(case: Case) -> list[str]:
    """What comes in and is compared with nothing would hold whatever comes out."""
    pairs = (("response", "json"), ("stream", "sse"))
    wrong = []
    for kind, ending in pairs:
        sent, expected = f"upstream-{kind}.{ending}", f"caller-{kind}.{ending}"
        if sent in case.files and expected not in case.files:
            text = "missing, so nothing says what must come out; --accept writes what does now"
            wrong.append(f"{expected}: {text}")
        there = {sent, f"upstream-{kind}.txt"} & case.files.keys()
        upstream = any(name.startswith("upstream-") for name in case.files)
        if expected in case.files and not there and upstream:
            wrong.append(f"{expected}: compared with nothing, as there is no {sent}")
    for key in ("status", "answer_headers"):
        if key in case.about and not is_answered(case) and "caller-error.json" not in case.files:
            wrong.append(f"{key}: compared with nothing, as there is no upstream-response.json")
    given = {one.name for one in CASE_FILES if one.given}
    said = any(name in case.about for name in EXPECTED_KEYS)
    if not wrong and not said and given.issuperset(case.files):
        wrong.append("nothing says what must come out; --accept writes what does now")
    return wrong


def broke(error: Exception) -> str:
    """What a table has come to, and where in the engine."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"broke with {type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    )


def is_answered(case: Case) -> bool:
    """Whether it has a plain answer of the upstream."""
    return any(name.startswith("upstream-response.") for name in case.files)


def _local(case: Case, mapping: Mapping) -> list[str]:
    """An answer given here: nothing goes upstream, so no file of the upstream is there."""
    if any(name.startswith("upstream-") for name in case.files):
        return []
    wrong: list[str] = []
    for name, streamed in (("caller-response.json", False), ("caller-stream.sse", True)):
        if name in case.files:
            talk = exchange(case, mapping)
            talk.request(case.request(mapping.caller, streamed), caller_headers(case))
            answer = talk.answered_here()
            if answer is None:
                wrong.append(f"{name}: the request goes upstream")
            elif frames(answer.body) != frames(case.files[name]):
                wrong += [f"{name}:", *frame_differences(case.files[name], answer.body)]
    return wrong


def caller_headers(case: Case) -> dict[str, str]:
    """The headers of the caller's request."""
    return dict(case.about.get("caller_headers", {}))


def _request(case: Case, mapping: Mapping) -> list[str]:
    talk = exchange(case, mapping)
    body = case.request(mapping.caller)
    before = msgspec.json.encode(body)
    try:
        upstream_request = talk.request(body, caller_headers(case))
    except CallerError as error:
        answer = talk.fault(error)
        if "caller-error.json" not in case.files:
            return [f"refused: {answer.body.decode()}"]
        wrong = differences(case.json("caller-error.json"), msgspec.json.decode(answer.body))
        return wrong + _status(case, answer.status, REFUSED)
    wrong = []
    if "caller-error.json" in case.files:
        wrong.append("was not refused")
    if msgspec.json.encode(body) != before:
        wrong.append("the caller's request was changed in place")
    if "upstream-request.json" in case.files:
        found = msgspec.json.decode(upstream_request.body)
        wrong += differences(case.json("upstream-request.json"), found)
    for name, value in case.about.get("headers", {}).items():
        if upstream_request.headers.get(name) != value:
            wrong.append(
                f"header {name}: expected {value!r}, found {upstream_request.headers.get(name)!r}"
            )
    expected = case.about.get("warnings")
    if expected is not None and not is_answered(case) and talk.warnings != expected:
        wrong.append(f"warnings: expected {expected!r}, found {talk.warnings!r}")
    return wrong


def _status(case: Case, found: int, usual: int) -> list[str]:
    expected = case.about.get("status", usual)
    return [] if found == expected else [f"status: expected {expected}, found {found}"]


def answered(
    case: Case, mapping: Mapping, wrong: list[str], asked: dict[str, bytes] | None = None
) -> tuple[Answer, Exchange]:
    """The caller's answer after every round there is; asked: gets the files of their requests."""
    talk = exchange(case, mapping)
    streamed = False if "upstream-stream.sse" in case.files else None
    talk.request(case.request(mapping.caller, streamed), caller_headers(case))
    headers = {"content-type": "application/json", **case.about.get("upstream_headers", {})}
    status = case.about.get("upstream_status", 200)
    first = case.files.get("upstream-response.json", case.files.get("upstream-response.txt", b""))
    answer = talk.response(status, headers, first)
    for number in count(2):
        again = _again(case, talk, number, wrong, asked)
        if not again:
            break
        answer = talk.response(200, headers, case.files[f"upstream-response-{number}.json"])
    return answer, talk


def _again(
    case: Case,
    talk: Exchange,
    number: int,
    wrong: list[str],
    asked: dict[str, bytes] | None = None,
) -> bool:
    """Whether a paused turn goes on, with the request the case expects."""
    again = talk.take_continuation()
    if again is None:
        return False
    expected = f"upstream-request-{number}.json"
    if asked is not None:
        asked[expected] = again.body
    if expected in case.files:
        found = differences(case.json(expected), msgspec.json.decode(again.body))
        wrong += [f"round {number}: {text}" for text in found]
    return True


def _answer(case: Case, mapping: Mapping) -> list[str]:
    if not is_answered(case):
        return []
    wrong: list[str] = []
    answer, talk = answered(case, mapping, wrong)
    wrong += _status(case, answer.status, GOOD)
    headers = case.about.get("answer_headers")
    if headers is not None:
        wrong += differences(headers, dict(answer.headers), "header ")
    if case.about.get("warnings") not in (None, talk.warnings):
        expected = case.about["warnings"]
        wrong.append(f"warnings: expected {expected!r}, found {talk.warnings!r}")
    if "caller-response.json" in case.files:
        wrong += differences(case.json("caller-response.json"), msgspec.json.decode(answer.body))
    return wrong


def stream(
    case: Case,
    mapping: Mapping,
    pieces: list[bytes],
    wrong: list[str] | None = None,
    talks: list[Exchange] | None = None,
    asked: dict[str, bytes] | None = None,
) -> bytes:
    """What the caller gets of a stream in these pieces, after every round there is.

    wrong: gets what requests of further rounds are otherwise; talks: the exchange; asked: as of
    `answered`.
    """
    talk = exchange(case, mapping)
    if talks is not None:
        talks.append(talk)
    talk.request(case.request(mapping.caller, True), caller_headers(case))
    out: list[bytes] = []
    for number in count(2):
        for piece in pieces:
            out.append(talk.receive(piece))
            if talk.continuation is not None or talk.done:
                break  # what still comes of this round is not read
        if not _again(case, talk, number, [] if wrong is None else wrong, asked):
            return b"".join([*out, talk.end()])
        pieces = [case.files[f"upstream-stream-{number}.sse"]]
    raise AssertionError


def cuttings(data: bytes, seed: int = 1, rounds: int = 5) -> Iterator[list[bytes]]:
    """The same bytes whole, one by one, and at random places."""
    yield [data]
    yield [data[i : i + 1] for i in range(len(data))]
    rng = random.Random(seed)
    for _ in range(rounds):
        cuts = sorted(rng.sample(range(1, len(data)), min(len(data) - 1, rng.randint(1, 40))))
        edges = [0, *cuts, len(data)]
        yield [data[a:b] for a, b in pairwise(edges)]


def _stream(case: Case, mapping: Mapping) -> list[str]:
    if "upstream-stream.sse" not in case.files:
        return []
    wrong: list[str] = []
    found = stream(case, mapping, [case.files["upstream-stream.sse"]], wrong)
    expected = case.files.get("caller-stream.sse", found)
    return wrong or frame_differences(expected, found)
