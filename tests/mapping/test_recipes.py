"""mappings/RECIPES.md: every recipe is applied to an empty folder and the result is run."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import CallerError
from aisix.mapping.exchange import Answer, Exchange, ResolvedModel
from aisix.mapping.mappings import Mapping, Mappings, load_mappings
from aisix.mapping.verify.check import Checker
from tests.running import ROOT, chunks

SHIPPED = ROOT / "mappings"
BOOK = (SHIPPED / "RECIPES.md").read_text()
NAME = "openai-chat/anthropic-messages"
Json = Any

NEWEST, OLD, HAIKU = "claude-opus-5-5", "claude-opus-4-1", "claude-haiku-4-5"


def recipes() -> dict[str, list[tuple[str, str]]]:
    """Title -> (file below the mapping, snippet)."""
    part = BOOK.split("## I want to ...", 1)[1]
    found = {}
    for text in part.split("\n### ... ")[1:]:
        title = text.partition("\n")[0]
        found[title] = re.findall(r"```toml\n# (\S+)\n(.*?)```", text, re.S)
    return found


def written(site: Path, snippets: list[tuple[str, str]]) -> Path:
    for name, text in snippets:
        file = Path(os.path.normpath(site / NAME / name))
        assert site in file.parents
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as out:
            out.write(text)
    return site


class Talk:
    """Requests and answers through one mapping; each in both forms of the tables."""

    def __init__(self, mappings: Mappings, name: str = NAME) -> None:
        self.mappings = mappings
        self.mapping: Mapping = mappings.mappings[name]

    def exchange(
        self, model: str, options: dict[str, Json] | None = None, compiled: bool = True
    ) -> Exchange:
        tables = self.mapping.effective(model, None, options or {})
        target = ResolvedModel("claude-prod", model)
        return Exchange(
            tables, self.mapping.caller, target, now=1, new_id=lambda: "0", compiled=compiled
        )

    def both(self, model: str = NEWEST, options: Json = None, **more: Json) -> list[Exchange]:
        """Compiled and not: exchanges that have seen a request; `sent` is its body."""
        made = []
        for compiled in (True, False):
            exchange = self.exchange(model, options, compiled)
            body = {"model": "claude-prod", "messages": [{"role": "user", "content": "q"}], **more}
            exchange.sent = exchange.request(body)  # type: ignore[attr-defined]
            made.append(exchange)
        assert made[0].sent.body == made[1].sent.body  # type: ignore[attr-defined]
        assert made[0].sent.headers == made[1].sent.headers  # type: ignore[attr-defined]
        return made

    def asked(self, model: str = NEWEST, options: Json = None, **more: Json) -> Exchange:
        return self.both(model, options, **more)[0]

    def sent(self, model: str = NEWEST, options: Json = None, **more: Json) -> Json:
        return json.loads(self.asked(model, options, **more).sent.body)  # type: ignore[attr-defined]

    def answer(self, body: Json, status: int = 200, **more: Json) -> Answer:
        data = json.dumps(body).encode()
        one, other = (exchange.response(status, {}, data) for exchange in self.both(**more))
        assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
        return one

    def stream(self, events: list[Json], **more: Json) -> list[Json]:
        data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        found = [
            list(chunks(exchange.receive(data) + exchange.end()))
            for exchange in self.both(stream=True, **more)
        ]
        assert found[0] == found[1]
        return found[0]


def message(*content: Json, stop: str = "end_turn") -> Json:
    usage = {"input_tokens": 1, "output_tokens": 1}
    return {
        "type": "message",
        "id": "msg_1",
        "content": list(content),
        "stop_reason": stop,
        "usage": usage,
    }


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def said(answer: Answer) -> Json:
    return json.loads(answer.body)["choices"][0]


Check = Callable[[Talk], None]
CHECKS: dict[str, Check] = {}


def shows(title: str) -> Callable[[Check], Check]:
    def register(check_: Check) -> Check:
        CHECKS[title] = check_
        return check_

    return register


# ---------------------------------------------------------------- what each recipe must do
@shows("change a stop reason")
def _(talk: Talk) -> None:
    assert said(talk.answer(message(text("a"), stop="refusal")))["finish_reason"] == "stop"


@shows("change or add a default")
def _(talk: Talk) -> None:
    assert talk.sent(HAIKU)["top_k"] == 40
    assert talk.sent(HAIKU, top_k=3)["top_k"] == 3
    newest = talk.asked(NEWEST)  # takes no top_k: the default is no loss of the caller's
    assert "top_k" not in json.loads(newest.sent.body)  # type: ignore[attr-defined]
    assert newest.warnings == ""


@shows("raise the default max_tokens of one model")
def _(talk: Talk) -> None:
    assert talk.sent(OLD)["max_tokens"] == 32000
    assert talk.sent("claude-opus-4-20250514")["max_tokens"] == 8192


@shows("add a model that came out today")
def _(talk: Talk) -> None:
    sent = talk.sent("claude-opus-6-20270101", reasoning_effort="none", temperature=0.5)
    assert sent["max_tokens"] == 256000
    assert sent["thinking"] == {"type": "disabled"}
    assert "temperature" not in sent
    assert "claude-opus-6" in talk.mapping.known_ids


@shows("drop, warn about or reject a field")
def _(talk: Talk) -> None:
    assert talk.asked(logit_bias={"1": 1}).warnings == ""
    assert talk.asked(user_location="Oslo").warnings == "user_location=dropped"
    assert "store" not in talk.sent(store=False)
    for more in ({"store": True}, {"top_k": 3}):
        with pytest.raises(CallerError) as caught:
            talk.asked(HAIKU, **more)
        assert caught.value.param == next(iter(more))


@shows("rename a field")
def _(talk: Talk) -> None:
    assert talk.sent(max_output_tokens=77)["max_tokens"] == 77
    assert talk.asked(max_output_tokens=77).warnings == ""
    with pytest.raises(CallerError) as caught:
        talk.asked(max_output_tokens="many")
    assert caught.value.param == "max_output_tokens"


@shows("pass an Anthropic-only field through")
def _(talk: Talk) -> None:
    assert talk.sent(priority_hint={"a": 1})["priority_hint"] == {"a": 1}
    assert talk.asked(priority_hint={"a": 1}).warnings == ""


@shows("add a beta header for some models")
def _(talk: Talk) -> None:
    def betas(model: str) -> str | None:
        return talk.asked(model).sent.headers.get("anthropic-beta")  # type: ignore[attr-defined,no-any-return]

    assert betas("claude-sonnet-4-5") == "context-1m-2025-08-07"
    assert betas(NEWEST) is None


@shows("change reasoning budgets")
def _(talk: Talk) -> None:
    for effort, tokens in (("low", 4096), ("medium", 8192), ("high", 24000)):
        thinking = talk.sent(HAIKU, reasoning_effort=effort)["thinking"]
        assert thinking == {"type": "enabled", "budget_tokens": tokens}


@shows("choose how reasoning is shown to callers")
def _(talk: Talk) -> None:
    answer = message({"type": "thinking", "thinking": "hm", "signature": "s"}, text("a"))
    assert "reasoning_content" not in said(talk.answer(answer))["message"]
    shown = talk.answer(answer, options={"reasoning_display": "server"})
    assert said(shown)["message"]["reasoning_content"] == "hm"


@shows("change how late system messages are placed")
def _(talk: Talk) -> None:
    user, late = {"role": "user", "content": "q"}, {"role": "system", "content": "late"}
    turns = [user, {"role": "assistant", "content": "a"}, user, late]
    assert talk.sent(messages=turns)["system"] == [text("late")]
    facts = talk.mapping.effective("claude-opus-5").model
    assert facts["late_system"] == "inline"


@shows("turn automatic prompt caching on for an alias")
def _(talk: Talk) -> None:
    assert talk.sent()["cache_control"] == {"type": "ephemeral"}
    assert "cache_control" not in talk.sent(options={"auto_cache": False})


@shows("put today's date into the system prompt")
def _(talk: Talk) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "q"}]
    system = talk.sent(messages=messages)["system"]
    assert [part["text"] for part in system] == ["Be brief.", "Today is Thursday, 01 January 1970."]


@shows("change an error's status or text")
def _(talk: Talk) -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    answer = talk.answer(error, status=529)
    assert answer.status == 529
    assert json.loads(answer.body)["error"]["message"].startswith("The model is busy.")


@shows("tell callers when to come back")
def _(talk: Talk) -> None:
    def refused(status: int, message: str = "no", **more: Json) -> tuple[int, str]:
        error = {"type": "error", "error": {"type": "x", "message": message, **more}}
        answer = talk.answer(error, status=status)
        return answer.status, answer.headers["retry-after"]

    assert refused(529) == (503, "5")
    assert refused(429) == (429, "30")
    assert refused(429, "Try again in 350ms.") == (429, "1")
    assert refused(429, "Try again in 20s.", retry_after_ms=1200) == (429, "2")


@shows("change an error of the gateway's own")
def _(talk: Talk) -> None:
    unknown = talk.mapping.caller.fault(CallerError("no_such_model", None, alias="x"))
    assert b"There is no model `x` here." in unknown.body


@shows("take a base URL that other clients have")
def _(talk: Talk) -> None:
    assert talk.mapping.caller.bases[-2:] == ("/api", "/tenants/{alias}")


@shows("add a new content part or block type")
def _(talk: Talk) -> None:
    part = {"type": "video_url", "video_url": {"url": "https://a/b.mp4"}}
    sent = talk.sent(messages=[{"role": "user", "content": [part]}])
    source = {"type": "url", "url": "https://a/b.mp4"}
    assert sent["messages"][0]["content"] == [{"type": "video", "source": source}]
    with pytest.raises(CallerError) as caught:
        talk.asked(messages=[{"role": "user", "content": [{"type": "video_url"}]}])
    assert caught.value.param == "messages[0].content[0].video_url.url"
    answer = message({"type": "caption", "text": "A dog. "}, text("Nice."))
    assert said(talk.answer(answer))["message"]["content"] == "A dog. Nice."


@shows("add a new upstream event")
def _(talk: Talk) -> None:
    start = {"type": "message_start", "message": {"id": "msg_1", "usage": {"input_tokens": 1}}}
    hint = {"type": "hint", "hint": {"text": "Look: "}}
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}
    frames = talk.stream([start, {"type": "progress"}, hint, end, {"type": "message_stop"}])
    said_ = [f["choices"][0]["delta"].get("content") for f in frames if f != "[DONE]"]
    assert said_ == ["", "Look: ", None]
    assert frames[-1] == "[DONE]"


@shows("add a new provider dialect")
def _(talk: Talk) -> None:
    acme = Talk(talk.mappings, "openai-chat/acme-chat")
    turns = [
        {"role": "system", "content": "s"},
        {"role": "user", "content": [text("a"), text("b")]},
    ]
    assert acme.sent("m1", messages=turns, seed=1) == {
        "engine": "m1",
        "limit": 1024,
        "turns": [{"who": "narrator", "say": "s"}, {"who": "human", "say": "ab"}],
    }
    assert acme.asked("m1", seed=1).warnings == "seed=unknown"
    parts = [{"kind": "words", "say": "Hel"}, {"kind": "words", "say": "lo"}]
    spent = {"in": 3, "out": 2}
    reply = {"kind": "reply", "ref": "r1", "parts": parts, "why": "full", "spent": spent}
    whole = json.loads(acme.answer(reply, model="m1").body)
    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "Hello"}
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"]["total_tokens"] == 5
    events = [
        {"kind": "hello", "ref": "r1"},
        {"kind": "part", "n": 0},
        {"kind": "more", "n": 0, "say": "Hel"},
        {"kind": "more", "n": 0, "say": "lo"},
        {"kind": "part_end", "n": 0},
        {"kind": "bye", "why": "done", "spent": spent},
    ]
    frames = acme.stream(events, model="m1", stream_options={"include_usage": True})
    told = "".join(f["choices"][0]["delta"].get("content", "") for f in frames[:-2])
    assert told == "Hello"
    assert [f["choices"][0]["finish_reason"] for f in frames[-3:-2]] == ["stop"]
    assert frames[-2]["usage"]["total_tokens"] == 5
    assert frames[-1] == "[DONE]"
    refused = acme.answer({"oops": {"kind": "x", "text": "No."}}, status=418, model="m1")
    assert (refused.status, json.loads(refused.body)["error"]["message"]) == (418, "No.")


# ---------------------------------------------------------------- the tests
def test_every_recipe_is_tried() -> None:
    assert set(recipes()) == set(CHECKS)
    assert all(recipes().values())


@pytest.mark.parametrize("title", sorted(recipes()))
def test_the_recipe_works_as_it_stands(title: str, tmp_path: Path) -> None:
    site = written(tmp_path / "mine", recipes()[title])
    CHECKS[title](Talk(load_mappings([SHIPPED, site])))


def test_nothing_is_said_against_all_the_recipes_together(tmp_path: Path) -> None:
    sites = [written(tmp_path / f"{n}", found) for n, found in enumerate(recipes().values())]
    checker = Checker(with_cases=False, released=True)
    assert checker.folders([SHIPPED, *sites]) == []


BARE = Talk(load_mappings([SHIPPED]))


@pytest.mark.parametrize("title", sorted(recipes()))
def test_without_the_recipe_it_is_otherwise(title: str) -> None:
    """Else a check could not fail."""
    with pytest.raises((AssertionError, CallerError, KeyError)):
        CHECKS[title](BARE)


def test_the_issue_s_recipes_are_all_there() -> None:
    wanted = {
        *("change a stop reason", "change or add a default"),
        *("raise the default max_tokens of one model", "add a model that came out today"),
        *("drop, warn about or reject a field", "rename a field"),
        *("pass an Anthropic-only field through", "add a beta header for some models"),
        *("change reasoning budgets", "choose how reasoning is shown to callers"),
        *("change how late system messages are placed",),
        *("turn automatic prompt caching on for an alias", "change an error's status or text"),
        *("add a new content part or block type", "add a new upstream event"),
        "add a new provider dialect",
    }
    assert wanted <= set(recipes())
