"""What is taken out of generated source changes nothing of what it does."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisix.mapping.compile import request, writer
from aisix.mapping.compile import tidy as compile_tidy
from aisix.mapping.compile.runtime import CompiledRequest
from aisix.mapping.compile.tidy import tidy
from aisix.mapping.interpret.forms import Bail
from aisix.mapping.verbs.refused import Refused
from tests.long import times
from tests.mapping.compile.test_as_interpreted import CASES, MAPPING, both

NAMES = ["v1", "v2", "v3", "v4"]
VALUES = st.sampled_from([
    "None", "'x'", "item.get('a')", "item.get('b')", "len(NAMES)",
    "v1", "v2", "v3 if v1 is None else v2", "[x for x in v4 if x] if type(v4) is list else None",
    "effect(1)", "effect(2) or v1", "K1(v2, 'get(', c)", "item['a']", "{'k(': v3, 'v2': 'v4'}",
])  # fmt: skip
TESTS = st.sampled_from([
    "v1", "v2 is not None", "item.get('a') == 'x'", "type(v3) is str and v3.isspace()", "effect(3)",
])  # fmt: skip


@st.composite
def block(draw: Any, depth: int = 1) -> list[str]:
    """Lines such as the compiler writes."""
    pad, lines = "    " * depth, []
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["let", "let", "let", "inline", "put", "if", "for", "pass"]))
        name = draw(st.sampled_from(NAMES))
        if kind == "let":
            lines.append(f"{pad}{name} = {draw(VALUES)}")
        elif kind == "inline":
            lines.append(f"{pad}if {draw(TESTS)}: {name} = {draw(VALUES)}")
        elif kind == "put":
            lines.append(f"{pad}out.append(({draw(VALUES)}))")
        elif kind == "pass" or depth > 3:
            lines.append(f"{pad}pass")
        elif kind == "for":
            lines += [f"{pad}for x in items:", *draw(block(depth + 1))]
        else:
            lines += [f"{pad}if {draw(TESTS)}:", *draw(block(depth + 1))]
            for _ in range(draw(st.integers(0, 2))):
                lines += [f"{pad}elif {draw(TESTS)}:", *draw(block(depth + 1))]
            if draw(st.booleans()):
                lines += [f"{pad}else:", *draw(block(depth + 1))]
    return lines


def run(lines: list[str], item: dict[str, Any], wish: list[bool]) -> Any:
    """What a function gives, and every effect it had, in order."""
    seen: list[Any] = []
    answers = iter(wish * 50)

    def effect(number: int) -> Any:
        seen.append(number)
        return "x" if next(answers, False) else None

    def call(*given: Any) -> Any:
        seen.append(given)
        return None

    names = {"effect": effect, "K1": call, "NAMES": NAMES}
    exec("\n".join(lines), names)
    out: list[Any] = []
    return names["made"](item, out, [1, None], None), out, seen


@settings(max_examples=times(300), deadline=None)
@given(block(), st.lists(st.booleans(), min_size=3, max_size=3), st.booleans())
def test_a_tidied_function_does_the_same(body: list[str], wish: list[bool], sent: bool) -> None:
    start = ["def made(item, out, items, c):", "    v1 = v2 = v3 = v4 = None"]
    lines = [*start, *body, "    return v1, v2"]
    item = {"a": "x", "b": [1]} if sent else {"a": None}
    assert run(tidy(lines), item, wish) == run(lines, item, wish)


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["    v1 = item.get('a')", "    return None"], ["    return None"]),
        (["    v1 = K1(item)", "    return None"], ["    v1 = K1(item)", "    return None"]),
        (["    if v1:", "        v2 = 1", "    return v1"], ["    return v1"]),
        (["    if v1:", "        v2 = 1", "    else:", "        out()", "    return v1"],
         ["    if v1:", "        pass", "    else:", "        out()", "    return v1"]),
        (["    if v1:", "        out()", "    else:", "        v2 = 1", "    return v1"],
         ["    if v1:", "        out()", "    return v1"]),
        (["    if K1(item):", "        v2 = 1", "    return v1"],
         ["    if K1(item):", "        pass", "    return v1"]),
        (["    if v1:", "        pass", "    elif v3:", "        out()", "    return v1"],
         ["    if v1:", "        pass", "    elif v3:", "        out()", "    return v1"]),
    ],
)  # fmt: skip
def test_what_goes_and_what_stays(lines: list[str], left: list[str]) -> None:
    assert tidy(["def f(item):", *lines]) == ["def f(item):", *left]


def test_no_case_tells_tidied_code_from_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of the corpus, through forms that were left as they were written."""
    some = CASES[::10]
    tidied = [sent(case) for case in some]
    for module in (compile_tidy, request, writer):
        monkeypatch.setattr(module, "tidy", lambda lines: lines)
    assert [sent(case, afresh=True) for case in some] == tidied


def sent(case: Any, afresh: bool = False) -> Any:
    talk, _ = both(case, MAPPING)
    if afresh:
        talk.tables = replace(talk.tables)  # whose forms nobody has asked for yet
    body = json.loads(json.dumps(case.request(MAPPING.caller)))
    headers = dict(case.about.get("caller_headers", {}))
    call = CompiledRequest(body, talk.target.alias, talk.target.upstream_model, headers)
    try:
        made = talk.tables.forms.translate(body, call)
    except Bail as bail:  # why a form could not be written is told but once
        return bail.reason.replace("cannot_compile", "")
    except Refused as refused:
        return refused.kind, refused.at
    return made, call.notes, call.upstream_headers, call.remember
