"""Requests of POST /v1/responses of any shape: item lists that are right, nearly right, or nothing at all.

request(Random(17)) -> a body; the same number makes the same one
"""

from __future__ import annotations

from copy import deepcopy
from random import Random
from typing import Any

from tests.mapping.invented import spots_of
from tests.strict.responses_samples import SCHEMA, THOUGHT, packed
from tests.strict.samples import PNG

Json = Any
TEXTS = ("q", "", " ", "\n\t", "a" * 70, "é😀", "\ud83d", "standin:tool", "x.y/z", "c1", "0")
SCALARS = (None, True, False, 0, -1, 1.5, 10**20, *TEXTS)
URLS = ("https://x.test/y.png", f"data:image/png;base64,{PNG}")
PDF = "data:application/pdf;base64,JVBERi0="
# Kinds that are known, some of them only to be refused, and some that nobody knows.
KINDS = (
    *("message", "function_call", "function_call_output", "custom_tool_call", "reasoning"),
    *("custom_tool_call_output", "tool_search_call", "tool_search_output", "additional_tools"),
    *("configuration_update", "item_reference", "web_search_call", "mcp_call", "shell_call"),
    *("compaction", "image_generation_call", "hologram", "", "*"),
)
# What a user, an assistant and an instruction may say.
SAYS = {
    "user": ("input_text", "output_text", "text", "input_image", "input_file"),
    "assistant": ("output_text", "input_text", "refusal"),
    "system": ("input_text", "text"),
    "developer": ("input_text",),
}
PARTS = ("input_text", "output_text", "text", "refusal", "input_image", "input_file", "input_audio")
TOOLS = (
    *("function", "custom", "namespace", "web_search", "tool_search"),
    *("mcp", "shell", "bash_20250124", "image_generation", "hologram"),
)
KEYS = (
    *("type", "role", "content", "call_id", "name", "namespace", "arguments", "input", "output"),
    *("id", "status", "tools", "encrypted_content", "summary", "text", "image_url", "file_data"),
    *("parameters", "format", "execution", "reasoning", "zz"),
)
FIELDS = (
    *("instructions", "tools", "tool_choice", "text", "reasoning", "include", "metadata", "user"),
    *("max_output_tokens", "temperature", "top_p", "parallel_tool_calls", "stream"),
    *("truncation", "store", "prompt_cache_options", "stream_options", "top_logprobs", "zz"),
)
PACKS = (
    THOUGHT,
    packed(p="anthropic", t="redacted_thinking", d="ENC=="),
    packed(p="chat", t="reasoning_content", k="Hm"),
    packed(p="chat", t="reasoning_details", v=[{"type": "reasoning.text", "text": "x"}]),
    packed(p="anthropic", t="thinking", k=1, s={}),
    *("ax1.", "ax1.e30", "ax1.W10", "ax1.bnVsbA", "ax1.8J-YgA", "gAAAAABm", ""),
)
CHOICES = (
    *("auto", "none", "required"),
    {"type": "function", "name": "f"},
    {"type": "custom", "name": "w"},
    {"type": "function", "name": "f", "namespace": "ns"},
    {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
    {"type": "mcp"},
)


def request(random: Random) -> dict[str, Json]:
    """One body. Half of them are right; in the others anything may stand anywhere."""
    maker = Maker(random, loose=random.random() < 0.5)
    body: dict[str, Json] = {"model": "claude-prod", "input": maker.items()}
    if maker.chance(0.6):
        body["tools"] = maker.tools()
    if body.get("tools") and maker.odd(0.5):
        body["tool_choice"] = random.choice(CHOICES)
    for name in random.sample(FIELDS, random.choice((0, 0, 0, 1, 2))):
        body[name] = maker.anything() if maker.odd(0.5) else maker.field(name)
    body = {name: value for name, value in body.items() if value is not None}
    if maker.odd(0.5):
        body = deepcopy(body)  # parts of it are the same in every body
        maker.spoil(body)
    return body


class Maker:
    """`loose`: whether what is wrong may be made too."""

    def __init__(self, random: Random, loose: bool) -> None:
        self.random, self.loose = random, loose
        self.calls = 0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def odd(self, share: float) -> bool:
        return self.loose and self.chance(share)

    def text(self) -> str:
        return self.random.choice(TEXTS)

    def field(self, name: str) -> Json:
        usual: dict[str, tuple[Json, ...]] = {
            "instructions": TEXTS,
            "text": (
                {"format": {"type": "json_object"}, "verbosity": "low"},
                {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
            ),
            "reasoning": ({"effort": "high", "summary": "auto"}, {"effort": "none"}),
            "include": (["reasoning.encrypted_content"], ["zz"]),
            "max_output_tokens": (1, 500, 10**9),
            "temperature": (0, 0.5, 2),
            "stream": (True, False),
            "store": (True, False),
            "user": TEXTS,
        }
        return self.random.choice(usual.get(name, (None,)))

    def items(self) -> Json:
        if self.odd(0.1):
            return self.anything()
        out: list[Json] = [{"role": "user", "content": "q"}] if self.chance(0.8) else []
        for _ in range(self.random.randint(1, 5)):
            out += self.stray() if self.odd(0.15) else self.some_items()
        if self.odd(0.2):
            self.random.shuffle(out)
        return out

    def some_items(self) -> list[Json]:
        return self.said() if self.chance(0.5) else self.turn()

    def said(self) -> list[Json]:
        role = self.random.choice(("user", "user", "assistant", "system", "developer"))
        content: Json = self.text()
        if self.chance(0.6):
            content = [self.part(SAYS[role]) for _ in range(self.random.randint(0, 3))]
        kind = {"type": "message"} if self.chance(0.5) else {}
        return [{**kind, "role": role, "content": content}]

    def part(self, kinds: tuple[str, ...]) -> Json:
        kind = self.random.choice(PARTS if self.odd(0.1) else kinds)
        if kind == "refusal":
            return {"type": kind, "refusal": self.text()}
        if kind == "input_image":
            url = self.text() if self.odd(0.2) else self.random.choice(URLS)
            return {"type": kind, "image_url": url, "detail": "auto"}
        if kind == "input_file":
            return {"type": kind, "filename": "a.pdf", "file_data": PDF}
        return {"type": kind, "text": self.text()}

    def turn(self) -> list[Json]:
        """What an assistant thought, said and called, and the results, mostly all of them."""
        made = [self.call() for _ in range(self.random.randint(0, 3))]
        out: list[Json] = []
        for call, _ in made:
            if self.chance(0.4):
                packs = PACKS if self.chance(0.5) else PACKS[:3]
                pack = self.random.choice(packs)
                out.append({"type": "reasoning", "summary": [], "encrypted_content": pack})
            if self.chance(0.4):
                out.append({"role": "assistant", "content": self.text()})
            out.append(call)
        results = [result for _, result in made if not self.odd(0.1)]
        if self.chance(0.3):
            self.random.shuffle(results)
        if results and self.chance(0.1):
            results.append(self.random.choice(results))
        return [*out, *results]

    def call(self) -> tuple[Json, Json]:
        """One, and its result."""
        self.calls += 1
        ident = f"c{self.calls}" + self.random.choice(("", ":.é", "x" * 60))
        ident = self.text() if self.odd(0.1) else ident
        kind = self.random.choice(("function_call", "function_call", "custom_tool_call", "search"))
        call: dict[str, Json] = {"type": kind, "call_id": ident, "name": self.random.choice("fgw")}
        result: dict[str, Json] = {"call_id": ident, "type": f"{kind}_output"}
        if kind == "search":
            more = {"execution": self.random.choice(("client", "client", "server"))}
            call = {"type": "tool_search_call", "call_id": ident, "arguments": {"q": "x"}, **more}
            return call, {**result, "type": "tool_search_output", "tools": self.tools(), **more}
        text = self.random.choice(("{}", '{"x":1}', "[1]", "{", *TEXTS))
        call["input" if kind == "custom_tool_call" else "arguments"] = text
        parts = [self.part(SAYS["user"]) for _ in range(self.random.randint(0, 2))]
        result["output"] = self.random.choice((*TEXTS, parts, parts, 5, {"ok": True}))
        if self.chance(0.2):
            call["namespace"] = self.random.choice(("ns", "mcp__fs__", "a.b"))
        return call, result

    def stray(self) -> list[Json]:
        """An item of any kind with any keys."""
        keys = self.random.sample(KEYS, self.random.randint(0, 4))
        given = {key: self.anything() for key in keys}
        return [{**given, "type": self.random.choice(KINDS)}]

    def tools(self) -> list[Json]:
        names = self.random.sample(("f", "g", "w", "h"), 3)
        found = [self.tool(name, True) for name in names[: self.random.randint(0, 3)]]
        return found + ([self.tool(names[0], True)] if self.odd(0.2) else [])

    def tool(self, name: str, deep: bool) -> Json:
        kinds = TOOLS if self.odd(0.3) else TOOLS[:5]
        kind = self.random.choice(kinds if deep else TOOLS[:2])
        name = self.text() if self.odd(0.1) else name
        if kind == "function":
            schema = self.random.choice((SCHEMA, {}, None))
            return {"type": kind, "name": name, "parameters": schema, "strict": self.chance(0.3)}
        if kind == "custom":
            grammar = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
            form = self.random.choice((None, {"type": "text"}, grammar))
            return {"type": kind, "name": name, "format": form}
        if kind == "namespace":
            inner = [self.tool(one, False) for one in "fgh"[: self.random.randint(0, 3)]]
            space = self.random.choice((name, f"{name}__", name * 70, f"{name} {name}"))
            return {"type": kind, "name": space, "description": "n", "tools": inner}
        if kind == "tool_search":
            how = self.random.choice(("client", "server"))
            return {"type": kind, "execution": how, "parameters": SCHEMA}
        return {"type": kind}

    def anything(self, deep: int = 2) -> Json:
        kind = self.random.random()
        if deep and kind < 0.2:
            return [self.anything(deep - 1) for _ in range(self.random.randint(0, 3))]
        if deep and kind < 0.4:
            names = self.random.sample(KEYS, self.random.randint(0, 3))
            return {name: self.anything(deep - 1) for name in names}
        return self.random.choice((*KINDS, *PARTS, *TOOLS) if kind < 0.6 else SCALARS)

    def spoil(self, body: dict[str, Json]) -> None:
        """Puts anything in some place of the body, or takes away what is there."""
        node, key = self.random.choice(spots_of(body))
        if isinstance(node, dict) and self.chance(0.3):
            del node[key]
        else:
            node[key] = self.anything()
