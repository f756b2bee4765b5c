"""What people wish of one alias, as the overlay they would write from mappings/RECIPES.md."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.errors import CallerError
from aisix.mapping.exchange import Answer, Exchange, ResolvedModel
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.parse.inline import read_inline
from aisix.mapping.verify.inline import misfits
from aisix.store import writes
from aisix.store.opening import open_store
from tests.mapping.test_recipes import BOOK, message, text
from tests.running import chunks

MODEL = "claude-haiku-4-5"
PICTURE = {"type": "image_url", "image_url": {"url": "https://pictures.example/a.png"}}
Json = Any


@cache
def shipped() -> Mappings:
    return load_mappings([shipped_mappings()])


@cache
def recipes() -> dict[str, str]:
    """Title -> overlay of the section for one alias."""
    part = BOOK.split("## For one alias", 1)[1].split("\n## ", 1)[0]
    prose = r"(?:[^\n`*][^\n]*\n)*\n?"
    found = re.findall(rf"^\*\*([^*\n]+)\*\*\n\n{prose}```toml\n(.*?)```", part, re.S | re.M)
    titles = re.findall(r"^\*\*(.+)\*\*$", part, re.M)
    assert [title for title in titles if title not in dict(found)] == ["One alias for many names"]
    return dict(found)


class Alias:
    """One with this overlay; every request and answer in both forms of the tables."""

    def __init__(self, overlay: str, name: str = "openai-chat/anthropic-messages") -> None:
        laid = read_inline([overlay])
        self.headers: dict[str, str] = {}  # of the caller, beside the usual one
        self.mapping = shipped().mappings[name]
        assert misfits(self.mapping, MODEL, None, {}, (), laid) == []
        self.tables = self.mapping.effective(MODEL, overlays=laid)

    def asked(self, **more: Json) -> list[tuple[Exchange, Json]]:
        body = {"model": "small", "messages": [{"role": "user", "content": "q"}], **more}
        headers = {"x-caller-team": "seven", **self.headers}
        made = []
        for compiled in (True, False):
            exchange = Exchange(
                *(self.tables, self.mapping.caller, ResolvedModel("small", MODEL)),
                now=1, new_id=lambda: "0", compiled=compiled,
            )  # fmt: skip
            made.append((exchange, exchange.request(dict(body), headers)))
        assert made[0][1].body == made[1][1].body
        assert made[0][1].headers == made[1][1].headers
        return made

    def sent(self, **more: Json) -> Json:
        return json.loads(self.asked(**more)[0][1].body)

    def answer(self, body: Json, status: int = 200) -> Answer:
        data = json.dumps(body).encode()
        one, other = (exchange.response(status, {}, data) for exchange, _ in self.asked())
        assert (one.status, one.body, one.headers) == (other.status, other.body, other.headers)
        return one

    def stream(self, *events: Json) -> list[Json]:
        data = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
        found = [
            list(chunks(exchange.receive(data) + exchange.end()))
            for exchange, _ in self.asked(stream=True)
        ]
        assert found[0] == found[1]
        return found[0]

    def refused(self, **more: Json) -> str:
        with pytest.raises(CallerError) as caught:
            self.asked(**more)
        return str(caught.value.param)


def functions(count: int) -> list[Json]:
    return [{"type": "function", "function": {"name": f"f{n}"}} for n in range(count)]


def test_a_policy_sentence_before_every_system_prompt() -> None:
    alias = Alias(recipes()["A sentence before every system prompt"])
    said = alias.sent(
        messages=[{"role": "system", "content": "s"}, {"role": "user", "content": "q"}]
    )
    assert [part["text"] for part in said["system"]] == ["Answer in English.", "s"]
    assert [part["text"] for part in alias.sent()["system"]] == ["Answer in English."]


def test_a_clamp_that_is_told() -> None:
    passed_on = '[request.field.max_tokens]\nfrom = "max_tokens"\nmax = 4096\n'
    told = Alias(recipes()["Fewer tokens at most"])
    for alias in (told, Alias(passed_on, "openai-chat/openai-chat")):
        [(exchange, asked), _] = alias.asked(max_tokens=9000)
        assert json.loads(asked.body)["max_tokens"] == 4096
        assert exchange.warnings == "max_tokens=clamped"


def test_the_caller_s_user_with_a_prefix() -> None:
    overlay = recipes()["The caller's user, with a prefix"]
    assert Alias(overlay).sent(user="bob")["metadata"] == {"user_id": "team-7:bob"}


def test_pictures_are_refused_in_words_of_one_s_own() -> None:
    alias = Alias(recipes()["No pictures, in your own words"])
    with pytest.raises(CallerError) as caught:
        alias.asked(messages=[{"role": "user", "content": [PICTURE]}])
    assert caught.value.param == "messages"
    for dialect in shipped().callers.values():
        told = dialect.fault(caught.value)
        said = json.loads(told.body)["error"]["message"]
        assert (told.status, said) == (400, "This alias reads no pictures. Use `big` for them.")
    assert alias.sent()["messages"]


def test_reasoning_under_another_name() -> None:
    overlay = recipes()["Reasoning under another name"]
    answer = message({"type": "thinking", "thinking": "hm", "signature": "s"}, text("a"))
    told = json.loads(Alias(overlay).answer(answer).body)["choices"][0]["message"]
    assert told["reasoning"] == "hm"
    start = {"type": "message_start", "message": {**message(), "content": []}}
    block = {"type": "thinking", "thinking": ""}
    begun = {"type": "content_block_start", "index": 0, "content_block": block}
    piece = {"type": "thinking_delta", "thinking": "hm"}
    more = {"type": "content_block_delta", "index": 0, "delta": piece}
    found = Alias(overlay).stream(start, begun, more)
    deltas = [frame["choices"][0]["delta"] for frame in found if "choices" in frame]
    assert [delta["reasoning"] for delta in deltas if "reasoning" in delta] == ["hm"]


def test_an_overloaded_upstream_as_503_with_retry_after() -> None:
    alias = Alias(recipes()["When to come back"])
    told = alias.answer(
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}}, 529
    )
    assert (told.status, dict(told.headers)["retry-after"]) == (503, "5")


def test_a_beta_header_only_for_streams_with_tools() -> None:
    alias = Alias(recipes()["A beta header for streams with tools alone"])
    assert alias.asked(stream=True, tools=functions(1))[0][1].headers["anthropic-beta"] == "b-2027"
    for more in ({"stream": True}, {"tools": functions(1)}):
        assert "anthropic-beta" not in alias.asked(**more)[0][1].headers


def test_top_p_rather_than_temperature() -> None:
    alias = Alias(recipes()["`top_p` rather than `temperature`"])
    [(exchange, asked), _] = alias.asked(top_p=0.5, temperature=0.3)
    assert exchange.warnings == "temperature=dropped"
    sent = json.loads(asked.body)
    assert (sent["top_p"], "temperature" in sent) == (0.5, False)
    assert alias.sent(temperature=0.3)["temperature"] == 0.3


def test_a_caller_s_header_under_another_name() -> None:
    alias = Alias(recipes()["A header of the caller's under another name"])
    assert alias.asked()[0][1].headers["x-team"] == "seven"


def test_a_server_tool_that_is_always_there_once() -> None:
    alias = Alias(recipes()["A tool of the server, always"])
    own = {"type": "function", "function": {"name": "web_search"}}
    for more in ({}, {"tools": [own]}):
        assert [tool["name"] for tool in alias.sent(**more)["tools"]] == ["web_search"]
    assert [tool["name"] for tool in alias.sent(tools=functions(1))["tools"]] == [
        "f0",
        "web_search",
    ]


def test_more_tools_than_32_are_refused() -> None:
    alias = Alias(recipes()["At most 32 tools"])
    assert len(alias.sent(tools=functions(32))["tools"]) == 32
    assert alias.refused(tools=functions(33)) == "tools"


def test_a_list_of_more_than_four_stops_is_refused_and_no_text() -> None:
    alias = Alias(recipes()["At most four stop sequences"])
    assert alias.refused(stop=[*"abcde"]) == "stop"
    assert alias.sent(stop=[*"abcd"])["stop_sequences"] == [*"abcd"]
    assert alias.sent(stop="abcde")["stop_sequences"] == ["abcde"]


def test_a_refusal_is_a_400() -> None:
    alias = Alias(recipes()["A refusal of the model as a 400"])
    for content in ([], [text("I will")]):
        told = alias.answer(message(*content, stop="refusal"))
        error = json.loads(told.body)["error"]
        assert (told.status, error["code"]) == (400, "content_filter")
    assert alias.answer(message(text("a"))).status == 200
    assert alias.answer(message(text("a"), stop="max_tokens")).status == 200


CITED = [
    {"type": "web_search_result_location", "url": f"https://{name}.example", "title": name}
    for name in "abb"
]


def test_sources_as_text_at_the_end_plain_and_streamed() -> None:
    alias = Alias(recipes()["Sources as text"])
    blocks = [{**text("Yes."), "citations": CITED[:2]}, {**text(" No."), "citations": CITED[2:]}]
    told = json.loads(alias.answer(message(*blocks)).body)["choices"][0]["message"]
    wanted = "Yes. No.\n\nSources: https://a.example, https://b.example"
    assert told["content"] == wanted
    assert len(told["annotations"]) == 3
    start = {"type": "message_start", "message": {**message(), "content": []}}
    events = [start]
    for number, block in enumerate(blocks):
        at = {"index": number}
        begun = {"type": "content_block_start", **at, "content_block": text("")}
        piece = {"type": "text_delta", "text": block["text"]}
        events += [begun, {"type": "content_block_delta", **at, "delta": piece}]
        for one in block["citations"]:
            cited = {"type": "citations_delta", "citation": one}
            events.append({"type": "content_block_delta", **at, "delta": cited})
        events.append({"type": "content_block_stop", **at})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    frames = alias.stream(*events, {"type": "message_stop"})
    deltas = [frame["choices"][0]["delta"] for frame in frames[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == wanted
    assert frames[-1] == "[DONE]"
    plain = json.loads(alias.answer(message(text("a"))).body)["choices"][0]["message"]
    assert plain["content"] == "a"


def test_the_wait_that_only_an_error_s_text_says() -> None:
    alias = Alias(recipes()["... when only the text says it"])

    def wait(words: str) -> str | None:
        error = {"type": "error", "error": {"type": "rate_limit_error", "message": words}}
        told = alias.answer(error, 429)
        assert told.status == 429
        return told.headers.get("retry-after")

    assert [wait("Slow down. Try again in 1500ms."), wait("again in 20s")] == ["2", "20"]
    assert wait("Slow down.") is None


def test_a_budget_of_one_alias_and_of_one_model(tmp_path: Path) -> None:
    alias = Alias(recipes()["A reasoning budget of its own"])
    for effort, tokens in (("high", 24000), ("medium", 8192)):
        sent = alias.sent(reasoning_effort=effort)["thinking"]
        assert sent == {"type": "enabled", "budget_tokens": tokens}
    site = tmp_path / "openai-chat/anthropic-messages"
    (site / "traits").mkdir(parents=True)
    (site / "traits/small-budget.toml").write_text("[values.thinking_budget]\nhigh = 9000\n")
    row = '[model.haiku-4-5-20251001]\nlike = "sonnet-4-5"\nmore_traits = ["small-budget"]\n'
    (site / "models.toml").write_text(row)
    laid = load_mappings([shipped_mappings(), tmp_path]).mappings["openai-chat/anthropic-messages"]
    asked = {"model": "m", "messages": [{"role": "user", "content": "q"}]}
    asked["reasoning_effort"] = "high"
    for model, tokens in (("claude-haiku-4-5-20251001", 9000), ("claude-haiku-4-5", 16384)):
        exchange = Exchange(
            *(laid.effective(model), laid.caller, ResolvedModel("m", model)),
            now=1, new_id=lambda: "0",
        )  # fmt: skip
        sent = json.loads(exchange.request(dict(asked)).body)
        assert sent["thinking"]["budget_tokens"] == tokens, model


def test_cache_writes_are_not_counted() -> None:
    answer = message(text("a"))
    answer["usage"]["cache_creation_input_tokens"] = 100
    overlay = recipes()["Cache writes that are not counted"]
    assert json.loads(Alias(overlay).answer(answer).body)["usage"]["prompt_tokens"] == 1


def test_a_new_part_of_the_caller_s() -> None:
    overlay = recipes()["A new part of the caller's messages"]
    sent = Alias(overlay).sent(
        messages=[{"role": "user", "content": [{"type": "note", "note": "n"}]}]
    )
    assert sent["messages"][0]["content"] == [text("n")]


def test_a_new_event_as_a_chunk() -> None:
    overlay = recipes()["A new event as a chunk"]
    start = {"type": "message_start", "message": {**message(), "content": []}}
    found = Alias(overlay).stream(start, {"type": "hint", "hint": {"text": "soon"}})
    said = [c["choices"][0]["delta"].get("content") for c in found if "choices" in c]
    assert "soon" in said


def test_today_s_date_in_the_system_prompt() -> None:
    overlay = recipes()["Today's date"]
    assert Alias(overlay).sent()["system"] == [text("Today is 1970-01-01.")]


def test_an_effort_that_is_refused() -> None:
    alias = Alias(recipes()["No high effort"])
    assert alias.refused(reasoning_effort="high") == "reasoning_effort"
    assert alias.sent(reasoning_effort="low")


# ---------------------------------------------------------------- wishes of other gateways' users
def test_a_field_that_one_upstream_always_gets() -> None:
    """envoyproxy/ai-gateway 1481: another service_tier for one of several backends."""
    alias = Alias(recipes()["A field that this upstream always gets"], "openai-chat/openai-chat")
    for more in ({}, {"service_tier": "priority"}, {"service_tier": None}):
        [(exchange, _), _] = asked = alias.asked(seed=1, **more)
        sent = json.loads(asked[0][1].body)
        assert exchange.warnings == ("service_tier=dropped" if more.get("service_tier") else "")
        assert (sent["service_tier"], sent["seed"]) == ("flex", 1)
        assert sent["chat_template_kwargs"] == {"enable_thinking": False}


def test_a_header_of_callers_that_stays_behind() -> None:
    """BerriAI/litellm 28238: drop headers of clients for one deployment."""
    name = "anthropic-messages/anthropic-messages"
    alias = Alias(recipes()["A header of callers that stays behind"], name)
    alias.headers = {"anthropic-beta": "b-2027", "anthropic-version": "2099-01-01"}
    [(exchange, sent), _] = alias.asked(max_tokens=9)
    assert "anthropic-beta" not in sent.headers
    assert exchange.warnings == "anthropic-beta=dropped"
    assert sent.headers["anthropic-version"] == "2023-06-01"
    sent = alias.asked(max_tokens=9, mcp_servers=[])[0][1]
    assert sent.headers["anthropic-beta"].startswith("mcp-")


def test_reasoning_between_tags_in_the_text_plain_and_streamed() -> None:
    """BerriAI/litellm 9029: for Open WebUI, which shows reasoning between tags."""
    alias = Alias(recipes()["Reasoning between tags in the text"])
    thought = {"type": "thinking", "thinking": "Hm. So.", "signature": "s"}
    told = json.loads(alias.answer(message(thought, text("Yes."))).body)["choices"][0]["message"]
    assert told["content"] == "<think>Hm. So.</think>\n\nYes."
    assert "reasoning_content" not in told
    pieces = [
        ({"type": "thinking", "thinking": ""}, {"type": "thinking_delta", "thinking": "Hm. "}),
        (None, {"type": "thinking_delta", "thinking": "So."}),
        (None, {"type": "signature_delta", "signature": "s"}),
        (text(""), {"type": "text_delta", "text": "Yes."}),
    ]
    events: list[Json] = [{"type": "message_start", "message": {**message(), "content": []}}]
    number = -1
    for begun, delta in pieces:
        if begun is not None:
            if number >= 0:
                events.append({"type": "content_block_stop", "index": number})
            number += 1
            at = {"index": number, "content_block": begun}
            events.append({"type": "content_block_start", **at})
        events.append({"type": "content_block_delta", "index": number, "delta": delta})
    events.append({"type": "content_block_stop", "index": number})
    events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}})
    frames = alias.stream(*events, {"type": "message_stop"})
    deltas = [frame["choices"][0]["delta"] for frame in frames[:-1]]
    assert "".join(delta.get("content", "") for delta in deltas) == told["content"]
    assert not any("reasoning_content" in delta for delta in deltas)


def test_one_alias_for_many_names(tmp_path: Path) -> None:
    overlay = recipes()["Fewer tokens at most"]
    store = open_store(tmp_path, None)
    key = {"display_name": "prod", "provider": "anthropic", "secret": "secret-of-prod"}
    writes.create(store, "provider_keys", key, now=0, new_id="pk")
    many = {"display_name": "gpt-*", "model_name": MODEL, "provider_key_id": "pk"}
    many |= {"provider": "anthropic", "overlay": overlay}
    writes.create(store, "models", many, now=0, new_id="m")
    found = store.current().model("gpt-4o")
    assert found is not None
    assert (found.display_name, found.model_name) == ("gpt-4o", MODEL)
    assert Alias(*found.overlay).sent(max_tokens=9000)["max_tokens"] == 4096
    store.close()


def test_every_recipe_of_the_section_is_tried() -> None:
    tests = Path(__file__).read_text()
    assert [title for title in recipes() if f'recipes()["{title}"]' not in tests] == []


@pytest.mark.parametrize("title", recipes())
def test_every_recipe_of_the_section_fits(title: str) -> None:
    """Every mapping it is for."""
    overlay = recipes()[title]
    (laid,) = read_inline([overlay])
    assert laid.wanted
    for name in shipped().mappings:
        if laid.meant_for(name):
            assert Alias(overlay, name)
