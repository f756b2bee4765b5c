"""What must reach the upstream for each input of requests/, or what the caller is told instead.

Each function looks at one exchange and asserts; that the provider takes what was sent is asked of
every one of them before (replay.refusals).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.faults.schemas import accepts, consistent, keywords_in, refuses, sound

if TYPE_CHECKING:
    from tests.faults.replay import Exchanged

WANTED: dict[str, Callable[[Exchanged], None]] = {}
KEY = re.compile(r"[a-zA-Z0-9_.-]{1,64}")


def wanted(*ids: str) -> Callable[[Callable[[Exchanged], None]], Callable[[Exchanged], None]]:
    def declared(check: Callable[[Exchanged], None]) -> Callable[[Exchanged], None]:
        WANTED.update(dict.fromkeys(ids, check))
        return check

    return declared


def went(seen: Exchanged) -> Any:
    """The body that was sent, of a request that was answered."""
    assert seen.out.status == 200, f"{seen.out.status}: {seen.out.error}"
    return seen.body


def tool(seen: Exchanged, name: str = "f") -> dict[str, Any]:
    found: dict[str, Any] = next(tool for tool in went(seen)["tools"] if tool["name"] == name)
    return found


def loose(seen: Exchanged) -> dict[str, Any]:
    """The schema of the one tool."""
    schema: dict[str, Any] = tool(seen)["input_schema"]
    sound(schema)
    assert schema["type"] == "object"
    return schema


def native(seen: Exchanged) -> dict[str, Any]:
    """The schema the answer is held to."""
    schema: dict[str, Any] = went(seen)["output_config"]["format"]["schema"]
    sound(schema)
    consistent(schema)
    return schema


def emulated(seen: Exchanged) -> None:
    """The answer's schema is asked for by other means, and that is told."""
    assert "format" not in went(seen).get("output_config", {}), "sent natively"
    assert seen.told("^response_format"), f"not told: {seen.out.told}"


# ------------------------------------------------------------------- sampling, thinking, betas
@wanted("01a-effort-with-temperature", "01d-adaptive-with-temperature")
def _(seen: Exchanged) -> None:
    assert went(seen)["thinking"]["type"] == "adaptive"
    assert "temperature" not in seen.body
    assert seen.told("^temperature$")


@wanted("01b-effort-with-top_p")
def _(seen: Exchanged) -> None:
    assert went(seen)["thinking"]["type"] == "adaptive"
    assert "top_p" not in seen.body
    assert seen.told("^top_p$")


@wanted("01c-effort-with-top_k")
def _(seen: Exchanged) -> None:
    assert went(seen)["thinking"]["type"] == "adaptive"
    assert "top_k" not in seen.body
    assert seen.told("^top_k$")


@wanted("13a-context_management-without-beta")
def _(seen: Exchanged) -> None:
    if not seen.refused("context_management"):
        assert went(seen)["context_management"]["edits"]
        assert "context-management" in seen.headers["anthropic-beta"]


@wanted("13b-mcp_servers-without-beta")
def _(seen: Exchanged) -> None:
    if not seen.refused("mcp_servers"):
        assert went(seen)["mcp_servers"]
        assert "mcp-client" in seen.headers["anthropic-beta"]


@wanted("14a-thinking-enabled-refused-by-model")
def _(seen: Exchanged) -> None:
    assert went(seen)["thinking"]["type"] == "adaptive"
    assert seen.told("^thinking")


@wanted("14b-thinking-disabled-refused-by-model")
def _(seen: Exchanged) -> None:
    assert went(seen).get("thinking", {}).get("type") != "disabled"
    assert seen.told("^thinking")


@wanted("14d-effort-refused-by-model")
def _(seen: Exchanged) -> None:
    assert "effort" not in went(seen).get("output_config", {})
    assert seen.told("^output_config")


# ------------------------------------------------------------------- schemas
@wanted("02a-nullable-enum")
def _(seen: Exchanged) -> None:
    schema = native(seen)
    accepts(schema, {"c": "low"}, {"c": "high"}, {"c": None})
    refuses(schema, {"c": "other"}, {"c": 1}, {})


@wanted("02b-nullable-enum-strict-tool")
def _(seen: Exchanged) -> None:
    assert tool(seen)["strict"] is True
    schema = loose(seen)
    consistent(schema)
    accepts(schema, {"c": "low"}, {"c": "high"}, {"c": None})
    refuses(schema, {"c": "other"}, {"c": 1}, {})


@wanted("02c-enum-narrower-than-type")
def _(seen: Exchanged) -> None:
    schema = native(seen)
    accepts(schema, {"c": "low"}, {"c": "high"})
    refuses(schema, {"c": "other"}, {"c": None}, {})


@wanted("03a-tool-required-null")
def _(seen: Exchanged) -> None:
    assert loose(seen)["properties"] == {"n": {"type": "string"}}
    assert seen.called("f", {"n": "x"}) == [["f", {"n": "x"}]]


@wanted("03b-tool-nested-nulls")
def _(seen: Exchanged) -> None:
    assert loose(seen)["properties"] == {"n": {"type": "string"}}


@wanted("04a-tool-exclusiveMinimum-true")
def _(seen: Exchanged) -> None:
    schema = loose(seen)
    accepts(schema, {"n": 1}, {})
    refuses(schema, {"n": 0}, {"n": 1.5})
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"


@wanted("04b-tool-items-list")
def _(seen: Exchanged) -> None:
    schema = loose(seen)
    accepts(schema, {"p": [1, 2]})
    refuses(schema, {"p": ["x", 2]})
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"


@wanted("04e-json_schema-old-model-exclusiveMinimum-true")
def _(seen: Exchanged) -> None:
    (carrier,) = went(seen)["tools"]
    sound(carrier["input_schema"])
    accepts(carrier["input_schema"], {"a": 1})
    refuses(carrier["input_schema"], {"a": 0}, {})


@wanted("05a-property-key-brackets")
def _(seen: Exchanged) -> None:
    if seen.refused("filter[name]", "f"):
        return
    (key,) = loose(seen)["properties"]
    assert KEY.fullmatch(key), key
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"
    assert seen.called("f", {key: 'x"{}'}) == [["f", {"filter[name]": 'x"{}'}]]


@wanted("05b-property-key-dollar-strict")
def _(seen: Exchanged) -> None:
    if seen.refused("$top", "f"):
        return
    schema = loose(seen)
    (key,) = schema["properties"]
    assert KEY.fullmatch(key), key
    assert schema["required"] == [key]
    assert tool(seen)["strict"] is True
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"
    assert seen.called("f", {key: 3}) == [["f", {"$top": 3}]]


@wanted(
    "06a-root-anyOf-loses-all-arguments",
    "06b-root-anyOf-closed-allows-only-empty",
)
def _(seen: Exchanged) -> None:
    schema = loose(seen)
    accepts(schema, {"path": "x"}, {"paths": ["x"]})
    refuses(schema, {"path": 1}, {"paths": "x"})
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"


@wanted("06c-root-required-names-a-lost-property")
def _(seen: Exchanged) -> None:
    schema = loose(seen)
    assert schema["properties"].keys() == {"thread_id", "body"}
    accepts(schema, {"thread_id": "t"}, {"thread_id": "t", "body": "b"})
    refuses(schema, {"body": "b"})
    assert seen.told(r"^tools.*\bf\b"), f"not told: {seen.out.told}"


@wanted("07a-allOf-ref")
def _(seen: Exchanged) -> None:
    schema = native(seen)
    assert "allOf" not in keywords_in(schema)
    accepts(schema, {"a": {"q": "x"}})
    refuses(schema, {"a": {}}, {"a": {"q": 1}})
    assert "d" in json.dumps(schema["properties"]["a"].get("description", "") + "d")


@wanted("08a-enum-of-objects", "08c-const-object")
def _(seen: Exchanged) -> None:
    emulated(seen)
    assert "x" in json.dumps(seen.body.get("system", seen.body.get("tools")))


@wanted("09a-unevaluatedProperties")
def _(seen: Exchanged) -> None:
    schema = native(seen)
    assert "unevaluatedProperties" not in keywords_in(schema)
    accepts(schema, {"a": "x"})
    refuses(schema, {"a": "x", "b": 1})


@wanted("09b-nullable-object")
def _(seen: Exchanged) -> None:
    schema = native(seen)
    assert "nullable" not in keywords_in(schema)
    accepts(schema, {"a": None}, {"a": {"b": "x"}})
    refuses(schema, {"a": {}}, {"a": 1}, {})


@wanted("10-recursion-through-property-called-default")
def _(seen: Exchanged) -> None:
    emulated(seen)


@wanted("19-strict-budget-all-or-nothing")
def _(seen: Exchanged) -> None:
    assert not tool(seen, "fat").get("strict")
    assert tool(seen, "thin")["strict"] is True
    assert seen.told(r"\bfat\b")
    assert not seen.told(r"\bthin\b")


# ------------------------------------------------------------------- messages and parts
@wanted("11a-tool-part-cache_control", "11b-tool-part-and-message-cache_control")
def _(seen: Exchanged) -> None:
    (result,) = went(seen)["messages"][-1]["content"]
    assert result["cache_control"] == {"type": "ephemeral"}
    assert json.dumps(seen.body).count("cache_control") == 1


@wanted("12-is_error-with-image")
def _(seen: Exchanged) -> None:
    result, picture = went(seen)["messages"][-1]["content"]
    assert result["is_error"] is True
    assert result["content"] in ("boom", [{"type": "text", "text": "boom"}])
    assert picture["type"] == "image"


@wanted("15a-text-file-of-white-space")
def _(seen: Exchanged) -> None:
    if not seen.refused("file"):
        assert all(block["type"] == "text" for block in went(seen)["messages"][0]["content"])
        assert seen.told("^messages")


@wanted("15b-text-file-latin1")
def _(seen: Exchanged) -> None:
    document = went(seen)["messages"][0]["content"][1]
    assert document["source"] == {"type": "text", "media_type": "text/plain", "data": "é"}
    assert seen.told("^messages")


@wanted("16-lone-surrogate")
def _(seen: Exchanged) -> None:
    if seen.out.status == 400:
        assert "surrogate" in str(seen.out.error)
        return
    (block,) = went(seen)["messages"][0]["content"]
    assert block["text"] == "cut \ufffd"
    assert seen.out.told


@wanted("17b-image_url-pdf-link")
def _(seen: Exchanged) -> None:
    document = went(seen)["messages"][0]["content"][1]
    assert document["type"] == "document"
    assert document["source"] == {"type": "url", "url": "https://example.com/a.pdf"}


@wanted("18-two-late-system")
def _(seen: Exchanged) -> None:
    _, *late = went(seen)["messages"]
    assert [message["role"] for message in late] == ["system"]
    assert [block["text"] for block in late[0]["content"]] == ["A", "B"]


@wanted("20-tool-content-object")
def _(seen: Exchanged) -> None:
    if seen.refused("messages[2].content"):
        assert "content.type" not in str(seen.out.error)
        return
    (result,) = went(seen)["messages"][-1]["content"]
    content = result["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    assert json.loads(text) == {"a": 1}
    assert seen.told("^messages")


# ------------------------------------------------------------------- to OpenAI's dialect
def function(seen: Exchanged) -> dict[str, Any]:
    found: dict[str, Any] = went(seen)["tools"][0]["function"]
    return found


@wanted("30a-object-without-properties")
def _(seen: Exchanged) -> None:
    assert function(seen)["parameters"] == {"type": "object", "properties": {}}


@wanted("30c-required-null")
def _(seen: Exchanged) -> None:
    properties = {"a": {"type": "string"}}
    assert function(seen)["parameters"] == {"type": "object", "properties": properties}


@wanted("32-tool-id-66")
def _(seen: Exchanged) -> None:
    _, call, result = went(seen)["messages"]
    made = call["tool_calls"][0]["id"]
    assert 0 < len(made) <= 40
    assert result["tool_call_id"] == made


@wanted("33-billing-header")
def _(seen: Exchanged) -> None:
    first = went(seen)["messages"][0]
    assert first["role"] == "system"
    assert "billing" not in json.dumps(seen.body)
    assert "You are" in json.dumps(first["content"])
    assert seen.told("^system")


@wanted("34-tool_reference")
def _(seen: Exchanged) -> None:
    result = went(seen)["messages"][-1]
    assert (result["role"], result["tool_call_id"]) == ("tool", "toolu_1")
    assert re.search(r"\bg\b", json.dumps(result["content"]))
    assert seen.told("^messages")
