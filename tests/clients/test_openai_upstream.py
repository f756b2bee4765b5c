"""Both official SDKs through the running gateway to a server that speaks OpenAI's dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest
from anthropic.types import (
    ServerToolUseBlock,
    WebSearchToolResultBlock,
    WebSearchToolResultErrorObject,
)

from aisix.standin.server import Standin
from tests.running import CALLER_KEY, Answer, Running, free_port, send

KEY = {"provider": "openai", "adapter": "openai"}
MODELS = {
    "gpt": {"model_name": "gpt-5.5", "provider": "openai"},
    "local": {"model_name": "qwen3", "provider": "openai"},
    "kimi": {"model_name": "kimi-k2.6", "provider": "openai"},
    "o3": {"model_name": "o3", "provider": "openai"},
    "gpt-4o": {"model_name": "gpt-4o", "provider": "openai"},
}
CLAUDE = {"claude": {"model_name": "claude-sonnet-4-6"}}
TOOL: dict[str, Any] = {
    "name": "weather",
    "description": "d",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
FUNCTION: dict[str, Any] = {
    "type": "function",
    "function": {"name": "weather", "parameters": TOOL["input_schema"]},
}


@pytest.fixture(scope="module")
def gateway(standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    more = {"upstream": {"retries": 0}}
    with Running(tmp_path_factory.mktemp("openai-upstream"), more) as running:
        running.set_up(f"{standin.url}/v1", MODELS, display_name="openai-like", **KEY)
        running.set_up(standin.url, CLAUDE)
        running.allow(*MODELS, *CLAUDE, "nobody")
        yield running
        assert "Traceback" not in running.log
        assert "cannot serve" not in running.log


@pytest.fixture
def claude(gateway: Running) -> Iterator[anthropic.Anthropic]:
    base = gateway.base_url.removesuffix("/v1")
    with anthropic.Anthropic(base_url=base, api_key=CALLER_KEY, max_retries=0) as sdk:
        yield sdk


@pytest.fixture
def gpt(gateway: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.base_url, api_key=CALLER_KEY, max_retries=0) as sdk:
        yield sdk


def asked(text: str) -> Any:
    return [{"role": "user", "content": text}]


# ---------------------------------------------------------------- Anthropic callers
@pytest.mark.parametrize("alias", ["gpt", "local"])
def test_a_message(claude: anthropic.Anthropic, alias: str, standin: Standin) -> None:
    done = claude.messages.create(model=alias, max_tokens=50, system="S", messages=asked("Hello"))
    assert done.model == alias
    assert done.id.startswith("msg_")
    assert done.stop_reason == "end_turn"
    assert [block.text for block in done.content if block.type == "text"] == ["You said: Hello"]
    assert done.usage.input_tokens > 0
    assert done.usage.cache_read_input_tokens == 1
    assert done._request_id
    sent = standin.received[-1]
    assert sent.headers["authorization"].startswith("Bearer sk-ant-the-secret")
    assert "x-api-key" not in sent.headers
    assert "anthropic-version" not in sent.headers
    assert sent.body["messages"][0] == {"role": "system", "content": "S"}


def test_a_streamed_message(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="local", max_tokens=50, messages=asked("standin:thinking Grüße")
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == "You said: standin:thinking Grüße"
    assert [block.type for block in final.content] == ["thinking", "text"]
    assert final.usage.output_tokens > 0
    assert final.stop_reason == "end_turn"


@pytest.mark.parametrize("word", ["two-tools", "mixed"])
def test_the_same_calls_streamed_and_plain(claude: anthropic.Anthropic, word: str) -> None:
    ask: dict[str, Any] = {
        "model": "gpt",
        "max_tokens": 50,
        "messages": asked(f"standin:{word}"),
        "tools": [TOOL],
    }
    with claude.messages.stream(**ask) as stream:
        streamed = stream.get_final_message()
    plain = claude.messages.create(**ask)
    for message in (streamed, plain):
        assert message.stop_reason == "tool_use"
        calls = [block for block in message.content if block.type == "tool_use"]
        assert [(call.name, call.input) for call in calls] == [("weather", {"city": "text"})] * 2
        assert [block.type for block in message.content] == ["text", "tool_use", "tool_use"]


def test_a_tool_loop(claude: anthropic.Anthropic) -> None:
    messages = asked("standin:tool weather?")
    first = claude.messages.create(
        model="gpt", max_tokens=50, messages=messages, tools=[TOOL], tool_choice={"type": "any"}
    )
    (call,) = [block for block in first.content if block.type == "tool_use"]
    messages += [
        {"role": "assistant", "content": [b.model_dump(exclude_none=True) for b in first.content]},
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}],
        },
    ]
    second = claude.messages.create(model="gpt", max_tokens=50, messages=messages, tools=[TOOL])
    assert second.content[0].text == "The tool says: sunny"  # type: ignore[union-attr]


def test_thinking_without_a_signature_comes_back_and_is_left_out(
    claude: anthropic.Anthropic, standin: Standin
) -> None:
    messages = asked("standin:thinking hi")
    first = claude.messages.create(model="local", max_tokens=50, messages=messages)
    said = [block.model_dump(exclude_none=True) for block in first.content]
    assert said[0]["signature"] == ""
    messages += [{"role": "assistant", "content": said}, *asked("and now?")]
    claude.messages.create(model="local", max_tokens=50, messages=messages)
    assert standin.received[-1].body["messages"][1] == {
        "role": "assistant",
        "content": said[1]["text"],
    }


@pytest.mark.parametrize(
    ("word", "error", "kind"),
    [
        ("status-429", anthropic.RateLimitError, "rate_limit_error"),
        ("status-401", anthropic.InternalServerError, "api_error"),
        ("status-503", anthropic.InternalServerError, "overloaded_error"),
        ("status-400", anthropic.BadRequestError, "invalid_request_error"),
        ("error-first", anthropic.InternalServerError, "overloaded_error"),
    ],
)
def test_errors_have_their_class(
    claude: anthropic.Anthropic, word: str, error: type[anthropic.APIStatusError], kind: str
) -> None:
    with pytest.raises(error) as caught:
        claude.messages.create(
            model="gpt",
            max_tokens=50,
            messages=asked(f"standin:{word}"),
            stream=word == "error-first",
        )
    assert caught.value.type == kind
    assert caught.value.request_id


@pytest.mark.parametrize("word", ["stream-error", "cut", "garbage"])
def test_a_stream_that_fails_raises(claude: anthropic.Anthropic, word: str) -> None:
    with (
        pytest.raises(anthropic.APIError),
        claude.messages.stream(
            model="gpt", max_tokens=50, messages=asked(f"standin:{word} and more words")
        ) as stream,
    ):
        for _ in stream:
            pass


def test_a_server_without_an_end_mark(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(
        model="local", max_tokens=50, messages=asked("standin:no-done")
    ) as stream:
        assert stream.get_final_message().stop_reason == "end_turn"


def test_what_the_model_behind_an_alias_refuses_is_fitted_for_openai_callers(
    gpt: openai.OpenAI,
) -> None:
    def asks(model: str, **more: Any) -> str:
        raw = gpt.chat.completions.with_raw_response.create(
            model=model, messages=asked("q"), **more
        )
        assert raw.parse().choices[0].message
        return raw.headers.get("x-aisix-warnings", "")

    named = {"type": "function", "function": {"name": "weather"}}
    assert asks("o3", max_tokens=50, temperature=0) == "temperature=dropped"
    assert asks("gpt-4o", max_tokens=32_000) == "max_tokens=clamped"
    assert asks("kimi", tools=[FUNCTION], tool_choice="required") == "tool_choice=emulated"
    assert asks("kimi", tools=[FUNCTION], tool_choice=named) == "tool_choice=emulated"
    assert asks("kimi", tools=[FUNCTION], tool_choice="auto") == ""


def test_what_the_model_behind_an_alias_refuses_is_fitted_for_anthropic_callers(
    claude: anthropic.Anthropic,
) -> None:
    def asks(model: str, max_tokens: int = 50, **more: Any) -> str:
        raw = claude.messages.with_raw_response.create(
            model=model, max_tokens=max_tokens, messages=asked("q"), **more
        )
        assert raw.parse().content
        return raw.headers.get("x-aisix-warnings", "")

    forced = {"type": "tool", "name": "weather"}
    assert asks("o3") == ""
    assert asks("gpt-4o", 20_000) == "max_tokens=clamped"
    assert asks("kimi", tools=[TOOL], tool_choice=forced) == "tool_choice=emulated"
    assert asks("kimi", tools=[TOOL], tool_choice={"type": "any"}) == "tool_choice=emulated"


def test_a_warm_cache_is_answered_here(claude: anthropic.Anthropic, standin: Standin) -> None:
    before = standin.number
    done = claude.messages.create(model="gpt", max_tokens=0, messages=asked("q"))
    assert (done.content, done.stop_reason) == ([], "max_tokens")
    with claude.messages.stream(model="gpt", max_tokens=0, messages=asked("q")) as stream:
        assert stream.get_final_message().content == []
    assert standin.number == before


def test_a_search_that_this_upstream_has_not_has_failed(
    claude: anthropic.Anthropic, standin: Standin
) -> None:
    before = standin.number
    asks: Any = {
        "model": "gpt",
        "max_tokens": 50,
        "messages": asked("Perform a web search for the query: aisix"),
        "tools": [{"type": "web_search_20250305", "name": "web_search"}],
        "tool_choice": {"type": "tool", "name": "web_search"},
    }
    raw = claude.messages.with_raw_response.create(**asks)
    assert raw.headers["x-aisix-warnings"] == "tools=dropped"
    with claude.messages.stream(**asks) as stream:
        streamed = stream.get_final_message()
    for said in (raw.parse(), streamed):
        call, result, text = said.content
        assert isinstance(call, ServerToolUseBlock)
        assert isinstance(result, WebSearchToolResultBlock)
        assert isinstance(result.content, WebSearchToolResultErrorObject)
        assert (call.name, call.input, call.id) == (
            "web_search",
            {"query": "aisix"},
            result.tool_use_id,
        )
        assert result.content.error_code == "unavailable"
        assert text.type == "text" and "not available" in text.text
        assert said.stop_reason == "end_turn"
    assert standin.number == before
    turns: Any = [*asked("q"), {"role": "assistant", "content": streamed.content}, *asked("so?")]
    again = claude.messages.create(model="gpt", max_tokens=50, messages=turns)
    assert again.content[0].type == "text"


def test_tokens_are_counted_roughly(claude: anthropic.Anthropic, gateway: Running) -> None:
    short = claude.messages.count_tokens(model="gpt", messages=asked("Hello"))
    long = claude.messages.count_tokens(model="gpt", messages=asked("Hello " * 400))
    assert 0 < short.input_tokens < 20
    assert 500 < long.input_tokens < 800
    raw = claude.messages.with_raw_response.count_tokens(model="gpt", messages=asked("q"))
    assert raw.headers["x-aisix-estimate"] == "true"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.count_tokens(model="nobody", messages=asked("q"))


def test_models_in_both_shapes(claude: anthropic.Anthropic, gpt: openai.OpenAI) -> None:
    theirs = claude.models.list()
    assert {model.id for model in theirs} == {*MODELS, *CLAUDE}
    assert theirs.data[0].type == "model"
    assert theirs.data[0].created_at.year >= 2025
    assert claude.models.retrieve("gpt").display_name == "gpt"
    assert {model.id for model in gpt.models.list()} == {*MODELS, *CLAUDE}


def test_both_ways_to_send_a_key_and_neither(gateway: Running) -> None:
    body = {"model": "gpt", "max_tokens": 9, "messages": asked("q")}
    for headers in ({"x-api-key": CALLER_KEY}, {"authorization": f"Bearer {CALLER_KEY}"}):
        assert send(gateway.proxy_port, "POST", "/v1/messages", body, headers).status == 200
    both = {"x-api-key": "sk-wrong", "authorization": "Bearer sk-wrong-too"}
    for headers in ({}, {"x-api-key": "sk-wrong"}, both):
        answer = send(gateway.proxy_port, "POST", "/v1/messages", body, headers)
        assert answer.status == 401
        assert answer.error["type"] == "authentication_error"
        assert answer.json["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("POST", "/v1/complete", 404, "not_found_error"),
    ],
)
def test_what_is_not_there_is_told_in_the_callers_shape(
    gateway: Running, method: str, path: str, status: int, kind: str
) -> None:
    headers = {"x-api-key": CALLER_KEY, "anthropic-version": "2023-06-01"}
    answer = send(gateway.proxy_port, method, path, b"{}", headers)
    assert (answer.status, answer.json["type"], answer.error["type"]) == (status, "error", kind)
    assert answer.json["request_id"] == answer.headers["request-id"]


def test_broken_json_is_told_in_the_callers_shape(gateway: Running) -> None:
    answer = send(gateway.proxy_port, "POST", "/v1/messages", b"{", {"x-api-key": CALLER_KEY})
    assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


def test_an_anthropic_caller_of_an_anthropic_upstream(
    claude: anthropic.Anthropic, standin: Standin
) -> None:
    done = claude.messages.create(
        model="claude", max_tokens=50, messages=asked("Hello"), extra_headers={"x-y": "z"}
    )
    assert done.model == "claude"
    assert done.content[0].text == "You said: Hello"  # type: ignore[union-attr]
    sent = standin.received[-1]
    assert sent.path == "/v1/messages"
    assert "x-y" not in sent.headers
    with claude.messages.stream(model="claude", max_tokens=50, messages=asked("Hi")) as stream:
        assert stream.get_final_message().model == "claude"


# ---------------------------------------------------------------- OpenAI callers
def test_a_completion(gpt: openai.OpenAI, standin: Standin) -> None:
    done = gpt.chat.completions.create(
        model="local", messages=asked("Hello"), extra_body={"min_p": 0.1, "guided_regex": "x"}
    )
    assert done.model == "local"
    assert done.choices[0].message.content == "You said: Hello"
    assert done.system_fingerprint == "fp_standin"
    sent = standin.received[-1].body
    assert (sent["min_p"], sent["guided_regex"], sent["model"]) == (0.1, "x", "qwen3")


@pytest.mark.parametrize("asks", [True, False])
def test_a_stream_shows_usage_to_who_asked(
    gpt: openai.OpenAI, gateway: Running, standin: Standin, asks: bool
) -> None:
    more: dict[str, Any] = {"stream_options": {"include_usage": True}} if asks else {}
    raw = gpt.chat.completions.with_raw_response.create(
        model="gpt", messages=asked("Hello there"), stream=True, **more
    )
    chunks = list(raw.parse())
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "You said: Hello there"
    assert {chunk.model for chunk in chunks} == {"gpt"}
    assert (chunks[-1].usage is not None) is asks
    assert all(("usage" in chunk.model_fields_set) is asks for chunk in chunks)
    assert standin.received[-1].body["stream_options"] == {"include_usage": True}
    line = gateway.line(Answer(200, dict(raw.headers), b""))
    assert line["mapping"].startswith("openai-chat/openai-chat@")
    assert line["tokens"]["output"] > 0


def test_calls_and_their_answers(gpt: openai.OpenAI) -> None:
    messages = asked("standin:two-tools")
    with gpt.chat.completions.stream(model="gpt", messages=messages, tools=[FUNCTION]) as stream:  # type: ignore[list-item]
        message = stream.get_final_completion().choices[0].message
    calls = message.tool_calls or []
    assert [json.loads(call.function.arguments) for call in calls] == [{"city": "text"}] * 2
    messages.append(message.model_dump(exclude_none=True))
    messages += [{"role": "tool", "tool_call_id": c.id, "content": "sunny"} for c in calls]
    done = gpt.chat.completions.create(model="gpt", messages=messages, tools=[FUNCTION])  # type: ignore[list-item]
    assert done.choices[0].message.content == "The tool says: sunny"


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("status-429", openai.RateLimitError),
        ("status-401", openai.InternalServerError),
        ("status-503", openai.InternalServerError),
        ("status-400", openai.BadRequestError),
    ],
)
def test_errors_of_an_openai_upstream(
    gpt: openai.OpenAI, word: str, error: type[openai.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        gpt.chat.completions.create(model="gpt", messages=asked(f"standin:{word}"))
    assert "stand-in was asked" in str(caught.value) or word in ("status-401", "status-429")
    assert caught.value.request_id


def test_the_upstreams_own_complaint_names_the_field(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        gpt.chat.completions.create(
            model="gpt", messages=asked("q"), extra_body={"guided_regex": "x"}
        )
    assert caught.value.param == "guided_regex"


@pytest.mark.parametrize("word", ["stream-error", "cut", "garbage", "error-first"])
def test_a_broken_stream_raises(gpt: openai.OpenAI, word: str) -> None:
    with pytest.raises(openai.APIError):
        for _ in gpt.chat.completions.create(
            model="gpt", messages=asked(f"standin:{word} and more words"), stream=True
        ):
            pass


# ---------------------------------------------------------------- operators
def test_options_are_those_of_every_dialects_tables(gateway: Running) -> None:
    """An alias serves callers of both dialects: what one's tables do not know, the other's may."""
    keys = {
        key["value"]["display_name"]: key["id"]
        for key in gateway.admin("GET", "provider_keys").json["items"]
    }
    alias = {"display_name": "tuned", "provider": "x", "model_name": "qwen3"}

    def made(key: str, **more: Any) -> int:
        document = {**alias, "provider_key_id": keys[key], **more}
        answer = gateway.admin("POST", "models", document)
        if answer.status == 201:
            gateway.admin("DELETE", f"models/{answer.json['id']}")
        return answer.status

    assert made("openai-like", options={"max_tokens_field": "max_tokens"}) == 201  # both know it
    assert made("openai-like", options={"cache_breakpoints": True}) == 201  # one does
    assert made("openai-like", options={"auto_cache": True}) == 400  # another adapter's
    assert made("openai-like", options={"max_tokens_field": "limit"}) == 400
    assert made("openai-like", traits=["no-stop"]) == 201
    assert made("openai-like", traits=["no-such"]) == 400
    assert made("anthropic-prod", options={"auto_cache": True, "betas": "drop"}) == 201
    assert made("openai-like", mapping="openai-chat") == 201
    assert made("openai-like", mapping="nothing") == 400


def test_a_whole_url_pasted_as_api_base(gateway: Running, standin: Standin) -> None:
    """Servers that live under other paths: the whole URL is taken as it is."""
    for number, ending in enumerate(
        ("/v1/chat/completions", "", "/v1/", "/v1beta/x/chat/completions")
    ):
        key = {"display_name": f"pasted-{number}", "secret": "s", **KEY}
        key_id = gateway.create("provider_keys", {**key, "api_base": standin.url + ending})
        alias = {"display_name": f"pasted-{number}", "provider": "openai", "model_name": "qwen3"}
        gateway.create("models", {**alias, "provider_key_id": key_id})
        gateway.allow(f"pasted-{number}", key=f"sk-pasted-{number}")
        answer = gateway.call(
            {"model": f"pasted-{number}", "messages": asked("q")}, key=f"sk-pasted-{number}"
        )
        assert answer.status == 200
        path = "/v1beta/x/chat/completions" if "beta" in ending else "/v1/chat/completions"
        assert standin.received[-1].path == path


def test_an_alias_may_fall_back_to_another_dialect(gateway: Running, standin: Standin) -> None:
    """Each attempt is translated for its own target: another provider, other tables."""
    dead = {"display_name": "dead", "secret": "s", "api_base": f"http://127.0.0.1:{free_port()}"}
    first = gateway.create("provider_keys", {**dead, **KEY})
    keys = gateway.admin("GET", "provider_keys").json["items"]
    (second,) = (k["id"] for k in keys if k["value"]["display_name"] == "anthropic-prod")
    targets = [
        {"provider_key_id": first, "model_name": "gpt-5.5"},
        {"provider_key_id": second, "model_name": "claude-sonnet-4-6"},
    ]
    alias = {"display_name": "either", "provider": "x", "routing": "failover", "targets": targets}
    gateway.create("models", alias)
    gateway.allow("either", key="sk-either")
    answer = gateway.call({"model": "either", "messages": asked("q")}, key="sk-either")
    assert answer.status == 200
    assert answer.headers["x-aisix-mapping"].startswith("openai-chat/anthropic-messages@")
    body = {"model": "either", "max_tokens": 9, "messages": asked("q")}
    answer = send(gateway.proxy_port, "POST", "/v1/messages", body, {"x-api-key": "sk-either"})
    assert answer.json["content"] == [{"type": "text", "text": "You said: q"}]
    assert standin.received[-1].body["model"] == "claude-sonnet-4-6"
