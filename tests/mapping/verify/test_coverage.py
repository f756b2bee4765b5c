"""The cases that reach a unit are known, and of those that meet an overlay a few are chosen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.verify import coverage
from aisix.mapping.verify.case_index import CaseEntry
from aisix.mapping.verify.coverage import EACH, MOST, chosen
from aisix.mapping.verify.kept import Kept
from aisix.mapping.verify.touched import TouchedUnit
from tests.mapping.laid import SHIPPED

NAME = "openai-chat/openai-chat"  # the one with few cases


@pytest.fixture(scope="module")
def found() -> tuple[list[CaseEntry], coverage.Reached]:
    from aisix.mapping.verify.case_index import entries

    mine = [entry for entry in entries(SHIPPED, Kept(None)) if entry.mapping == NAME]
    return mine, coverage.of(load_mappings([SHIPPED]), NAME, 0, mine, Kept(None))


def test_what_cases_reach(found: tuple[list[CaseEntry], coverage.Reached]) -> None:
    entries, reached = found
    assert set(reached[""]) == set(range(len(entries)))
    for name, numbers in reached.items():
        assert numbers == sorted(set(numbers)), name
    refused = [number for number, entry in enumerate(entries) if "caller-error.json" in entry.files]
    assert not set(refused) & set(reached["request"])
    for number in reached["errors"]:
        assert any("upstream-" in name for name in entries[number].files)
    assert any(name.endswith(" of values") for name in reached)
    assert any(name.startswith("field.") for name in reached)
    assert any(name.startswith(("event.", "chunk.")) for name in reached)


def test_it_is_kept(tmp_path: Path, found: tuple[list[CaseEntry], coverage.Reached]) -> None:
    entries = found[0]
    mappings, few = load_mappings([SHIPPED]), entries[:2]
    given = mappings, NAME, 0, few, Kept(tmp_path)
    assert coverage.of(*given, make=False) == {"": [0, 1]}
    assert not list(tmp_path.iterdir())


def test_few_are_chosen_and_the_rest_is_counted() -> None:
    entries = [CaseEntry("m", str(number), {}, (), "") for number in range(100)]
    reached = {"": list(range(100)), "field.a of request": list(range(100)), "row x": [7],
               "t.* of values": [1, 2], "field.b of request": [0]}  # fmt: skip

    def of(*units: TouchedUnit) -> tuple[list[str], int]:
        some, met = chosen(entries, reached, units)
        return [entry.name for entry in some], met

    a, b = TouchedUnit("request", ("field", "a")), TouchedUnit("request", ("field", "b"))
    some, met = of(a)
    assert (len(some), met) == (EACH, 100)
    assert int(some[-1]) > 80  # from all over
    assert of(b) == (["0"], 1)
    assert of(TouchedUnit("values", ("t", "new"))) == (["1", "2"], 2)
    assert of(TouchedUnit("models", ("model", "x"))) == (["7"], 1)
    assert len(of(TouchedUnit("answer", ("event", "new")))[0]) == EACH  # nothing is known of it
    many = [TouchedUnit("answer", ("event", f"new{n}")) for n in range(50)]
    assert len(of(*many)[0]) <= MOST


def test_what_no_case_of_a_site_reaches_is_named_with_its_line(tmp_path: Path) -> None:
    mine = tmp_path / "openai-chat/anthropic-messages"
    like = tmp_path / "openai-chat/careful"
    for folder in (mine / "traits", mine / "cases/one", like):
        folder.mkdir(parents=True)
    (mine / "request.toml").write_text(
        '[accept]\n"metadata.team" = "string"\nunsent = "string"\n'
        '[field.top_k]\ndefault = 40\n[field.other]\nfrom = "top_k"\nwhen = { top_k = 9 }\n'
    )
    (mine / "values.toml").write_text('[stop_reason]\nrefusal = "stop"\nend_turn = "stop"\n')
    (mine / "answer.toml").write_text("[event.progress]\nping = true\n")
    (mine / "traits/loud.toml").write_text('[values.effort]\nlow = "high"\n')
    (mine / "traits/calm.toml").write_text('[values.effort]\nlow = "low"\n')
    (like / "mapping.toml").write_text(
        'format = 1\ntitle = "careful"\nlike = "anthropic-messages"\n'
        "[option.auto_cache]\ndefault = true\n"
    )
    (mine / "cases/one/case.toml").write_text(
        'reason = "r"\nmodel = "claude-haiku-4-5"\ntraits = ["loud"]\n'
    )
    asked = {
        "model": "a",
        "messages": [{"role": "user", "content": "q"}],
        "metadata": {"team": "b"},
    }
    (mine / "cases/one/caller-request.json").write_text(json.dumps(asked))
    message = {"type": "message", "id": "m", "content": [], "stop_reason": "end_turn"}
    message |= {"usage": {"input_tokens": 1, "output_tokens": 1}}
    (mine / "cases/one/upstream-response.json").write_text(json.dumps(message))
    found = coverage.missed(load_mappings([SHIPPED, tmp_path]), Kept(None))
    place = f"{tmp_path.name}/openai-chat/anthropic-messages"
    assert {(one.where, one.path) for one in found} == {
        (f"{place}/request.toml:3", "request.accept.unsent"),
        (f"{place}/request.toml:6", "request.field.other"),
        (f"{place}/values.toml:2", "values.stop_reason.refusal"),
        (f"{place}/answer.toml:1", "answer.event.progress"),
        (f"{place}/traits/calm.toml:2", "values.effort.low"),
    }
    assert coverage.missed(load_mappings([SHIPPED]), Kept(None)) == []
