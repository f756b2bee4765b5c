"""What compiled tables leave to the interpreter is answered rightly, and never silent."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from aisix.errors import CallerError
from aisix.mapping.compile.answer import FormCache
from aisix.mapping.compile.request_forms import WIDEST
from aisix.mapping.compile.runtime import CannotCompile, CompiledRequest
from aisix.mapping.compile.stream import StreamCompiler
from aisix.mapping.exchange import Exchange, ResolvedModel
from aisix.mapping.interpret.forms import REASONS
from aisix.mapping.mappings import Effective, Mapping, load_mappings
from aisix.mapping.verbs.registry import VERBS
from aisix.proxy.call import Call
from aisix.proxy.gateway import Gateway
from aisix.telemetry.metrics import Metrics
from aisix.telemetry.page import page
from aisix.workers.scoreboard import Scoreboard
from tests.running import BUG, ROOT

NAME = "openai-chat/anthropic-messages"
ASKED = {"model": "claude-prod", "messages": [{"role": "user", "content": "q"}]}
ANSWER = {
    "type": "message",
    "id": "msg_1",
    "content": [{"type": "text", "text": "a"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 1},
}


@pytest.fixture
def mapping() -> Mapping:
    """Tables that no other test has compiled."""
    return load_mappings([ROOT / "mappings"]).mappings[NAME]


def exchange(mapping: Mapping, compiled: bool = True) -> Exchange:
    target = ResolvedModel("claude-prod", "claude-opus-5-5")
    tables = mapping.effective("claude-opus-5-5")
    return Exchange(tables, mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled)


def told(talk: Exchange) -> list[tuple[str, str]]:
    return [(part, reason) for part, reason, _ in talk.take_fallbacks()]


def plant(verb: str, in_compiled: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """A verb with a mistake that only the compiled form makes."""
    run = VERBS[verb].run

    def mistaken(value: Any, options: dict[str, Any], call: Any) -> Any:
        return 1 / 0 if type(call) is in_compiled else run(value, options, call)

    monkeypatch.setitem(VERBS, verb, replace(VERBS[verb], run=mistaken))


def test_a_mistake_in_a_compiled_request_is_made_good_counted_and_logged_once(
    mapping: Mapping,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    swallowed: list[Exception],
) -> None:
    plant("digest_unless", CompiledRequest, monkeypatch)
    body = {**ASKED, "user": "someone"}
    board = Scoreboard(1)
    gateway = SimpleNamespace(metrics=Metrics(board.claim()), _bugs=set())
    right = exchange(mapping, compiled=False).request(body)
    with caplog.at_level(logging.ERROR):
        for _ in range(2):
            talk = exchange(mapping)
            assert talk.request(body) == right
            Gateway.count_fallbacks(cast(Gateway, gateway), talk)
            Gateway.count_fallbacks(cast(Gateway, gateway), talk)  # counted already
    series = f'aisix_translation_fallbacks_total{{mapping="{NAME}",part="request",reason="bug"}} 2'
    assert series in page(board).decode()
    (line,) = [record.getMessage() for record in caplog.records]
    assert BUG.search(line)  # so that Running.bugs shows it
    assert "ZeroDivisionError" in line
    assert "someone" not in line
    # Without the next line this test would fail, as any other that makes such a mistake does.
    assert [type(bug) for bug in swallowed] == [ZeroDivisionError, ZeroDivisionError]
    swallowed.clear()


def test_a_mistake_in_a_compiled_answer_is_made_good(
    mapping: Mapping, monkeypatch: pytest.MonkeyPatch, swallowed: list[Exception]
) -> None:
    talk = exchange(mapping)
    talk.request(ASKED)
    form = talk.tables.answers.plain.find(talk._remember, False)
    assert form is not None

    def mistaken(answering: Any, answer: Any) -> Any:
        answering.scope.state["half"] = "done"
        return 1 / 0

    broken = replace(form, answer=mistaken)
    monkeypatch.setattr(FormCache, "find", lambda *_: broken)
    answer = talk.response(200, {}, json.dumps(ANSWER).encode())
    assert json.loads(answer.body)["choices"][0]["message"]["content"] == "a"
    assert told(talk) == [("plain", "bug")]
    assert talk._answering is not None
    assert talk._answering.gave_up is None, "a traceback would keep the answer alive"
    assert len(swallowed) == 1
    swallowed.clear()


def test_what_an_attempt_left_to_the_interpreter_is_counted_before_the_next_one(
    mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt has an exchange of its own, and a form that cannot be written is told once."""
    counted: list[tuple[str, str]] = []
    gateway = SimpleNamespace(count_fallbacks=lambda talk: counted.extend(told(talk)))
    attempts = SimpleNamespace(good=lambda: None)
    call = Call(cast(Any, gateway), mapping.caller, cast(Any, attempts), {}, {}, None)
    call.exchange = exchange(mapping)
    call.exchange.request({**ASKED, "stream": True})
    told(call.exchange)
    monkeypatch.setattr(StreamCompiler, "source", unwritable)
    call.exchange.begin(200, {"content-type": "text/event-stream"})
    call.exchange.receive(b'event: ping\ndata: {"type": "ping"}\n\n')
    call.judged()
    call.judged()
    assert counted == [("stream", "cannot_compile")]


def compiled(mapping: Mapping) -> Effective:
    """Tables whose forms have been asked for."""
    tables = exchange(mapping).tables
    assert tables.forms.translate and tables.answers.plain
    return tables


def unwritable(_: object) -> str:
    raise CannotCompile


def test_a_form_that_could_not_be_written_by_mistake_is_told_once(
    mapping: Mapping, monkeypatch: pytest.MonkeyPatch, swallowed: list[Exception]
) -> None:
    def mistaken(*_: Any) -> Any:
        return 1 / 0

    tables = compiled(mapping)
    monkeypatch.setattr(tables.forms, "_write", mistaken)
    for cache in (tables.answers.plain, tables.answers.stream):
        monkeypatch.setattr(cache, "_write", mistaken)
    seen = []
    for stream in (False, False, True, True):
        talk = exchange(mapping)
        talk.request({**ASKED, "stream": stream})
        assert talk._ready().form is None if stream else talk._ready().plain_form is None
        seen.append(told(talk))
    assert seen == [[("request", "bug"), ("plain", "bug")], [], [("stream", "bug")], []]
    assert len(swallowed) == 3
    swallowed.clear()


def test_a_form_that_cannot_be_written_is_told_once(
    mapping: Mapping, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise CannotCompile("for the test")

    tables = compiled(mapping)
    monkeypatch.setattr(tables.forms, "_write", never)
    monkeypatch.setattr(tables.answers.plain, "_write", never)
    seen = []
    for _ in range(2):
        talk = exchange(mapping)
        talk.request(ASKED)
        talk.response(200, {}, json.dumps(ANSWER).encode())
        seen.append(told(talk))
    assert seen == [[("request", "cannot_compile"), ("plain", "cannot_compile")], []]


@pytest.mark.parametrize("part", ["stream", "plain"])
def test_an_answer_whose_form_is_known_to_differ_runs_by_the_rules(
    part: str, mapping: Mapping
) -> None:
    mapping.differs = (part,)
    for asked in ("stream", "plain"):
        talk = exchange(mapping)
        talk.request({**ASKED, "stream": asked == "stream"})
        ready = talk._ready()
        assert (ready.form is None and ready.plain_form is None) is (asked == part)
        assert told(talk) == ([(part, "differs")] if asked == part else [])


WHY: dict[str, Callable[[], dict[str, Any]]] = {
    "refused": lambda: {**ASKED, "temperature": "hot"},
    "too_wide": lambda: {**ASKED, **{f"x{number}": 1 for number in range(WIDEST)}},
}


@pytest.mark.parametrize("reason", WHY)
def test_why_a_request_is_the_interpreters(reason: str, mapping: Mapping) -> None:
    talk = exchange(mapping)
    try:
        talk.request(WHY[reason]())
    except CallerError:
        assert reason == "refused"
    assert told(talk) == [("request", reason)]


def test_more_fields_than_anyone_has_use_up_the_forms_and_are_told(mapping: Mapping) -> None:
    seen = set()
    for number in range(40):
        talk = exchange(mapping)
        talk.request({**ASKED, f"made_up_{number}": 1})
        seen.update(told(talk))
    assert seen == {("request", "too_many_forms")}


def test_what_a_form_takes_is_not_told(mapping: Mapping) -> None:
    talk = exchange(mapping)
    talk.request(ASKED)
    talk.response(200, {}, json.dumps(ANSWER).encode())
    assert told(talk) == []


def test_every_reason_is_explained() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    for reason, meaning in REASONS.items():
        assert f"| `{reason}` | {meaning} |" in text
    for file in (ROOT / "aisix" / "mapping").rglob("*.py"):
        for call in file.read_text().split("raise Bail(")[1:]:
            word = call.partition(")")[0].strip("\"'")
            assert word in REASONS or word in ("", "{reason!r}"), f"{file}: {word}"
