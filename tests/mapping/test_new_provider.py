"""mappings/NEW-PROVIDER.md: every snippet in its order, ending with tables that hold."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from aisix.cli import main
from tests.mapping.lesson import PAGE, Write, steps
from tests.running import ROOT

NAME = "openai-chat/nimbus"
CASES = f"mine/{NAME}/cases"


@pytest.fixture
def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """All that the commands of the page say; each has to succeed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran = 0
    for step in steps():
        if isinstance(step, Write):
            step.below(tmp_path)
        elif step.words[0] == "mappings":  # the others ask a gateway: tests/test_docs.py
            # The cases of all other mappings are run by other tests.
            more = ["--no-cases"] if step.words[1] == "check" else []
            assert main.main([*step.words, *more]) == 0, (step.words, capsys.readouterr().out)
            ran += 1
    assert ran > 3
    return capsys.readouterr().out


def test_the_page_ends_with_tables_that_hold(tmp_path: Path, said: str) -> None:
    assert "fine (" in said
    assert f"accepted {NAME}/streamed" in said
    assert "3 of 3 cases hold" in said
    assert "x-aisix-warnings: max_tokens=clamped, seed=unknown" in said
    for name in ("values.why.full", "errors.upstream.any"):
        assert f"{name}: no case of yours reaches it" in said
    assert "values.why.asked" not in said
    made = tmp_path / CASES
    sent = json.loads((made / "asks/upstream-request.json").read_text())
    assert [turn["who"] for turn in sent["turns"]] == ["narrator", "human", "nimbus", "function"]
    assert sent["turns"][2]["asks"] == [{"key": "k0", "name": "weather", "with": {"city": "Oslo"}}]
    whole = json.loads((made / "asks/caller-response.json").read_text())
    told = (made / "streamed/caller-stream.sse").read_text().split("\n\n")[:-1]
    chunks = [json.loads(text.removeprefix("data: ")) for text in told[:-1]]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    message = whole["choices"][0]["message"]
    assert "".join(delta.get("content", "") for delta in deltas) == message["content"] == "I look."
    begun, said_of_it = [call for d in deltas for call in d.get("tool_calls", [])]
    begun["function"] |= said_of_it["function"]
    assert begun == {"index": said_of_it["index"], **message["tool_calls"][0]}
    assert chunks[-1]["usage"] == whole["usage"]
    error = json.loads((made / "busy/caller-response.json").read_text())["error"]
    assert (error["type"], error["message"]) == ("rate_limit_error", "Too many at once.")
    assert "5 of 5 cases hold" in said
    upstream = [
        json.loads(
            (tmp_path / f"mine/{caller}/nimbus/cases/asks/upstream-request.json").read_text()
        )
        for caller in CALLERS
    ]
    limits = [body.pop("limit") for body in upstream]
    assert limits == [8192, 1000, 1000]
    assert (
        upstream[0] == upstream[1] == upstream[2]
    )  # what callers ask alike, Nimbus is asked alike


CALLERS = ("openai-chat", "anthropic-messages", "openai-responses")
MOST = 60  # lines of a mapping, for one kind of caller


def lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def runs(text: str) -> list[tuple[str, ...]]:
    """Four lines that follow one another, each as often as there are."""
    one = lines(text)
    return [*zip(one, one[1:], one[2:], one[3:], strict=False)]


def test_a_new_upstream_copies_nothing() -> None:
    """What it is, says and refuses stands once; for each kind of caller there is what they ask."""
    files = {s.name: s.text for s in steps() if isinstance(s, Write) and "/cases/" not in s.name}
    for caller in CALLERS:
        own = {
            name.rpartition("/")[2]: lines(text)
            for name, text in files.items()
            if name.startswith(f"mine/{caller}/nimbus/")
        }
        assert own.keys() <= {"mapping.toml", "request.toml", "values.toml", "errors.toml"}
        assert len(own["mapping.toml"]) == 3  # no address, no credential
        assert sum(map(len, own.values())) <= MOST
    whole = lines(files["mine/nimbus/upstream/answer.toml"])
    assert len(whole) < MOST
    shipped = {
        run
        for file in (ROOT / "mappings").glob("*/*/answer.toml")
        for run in runs(file.read_text())
    }
    assert shipped
    assert shipped.isdisjoint(runs("\n".join(whole)))


def test_every_base_of_callers_knows_the_words_of_the_page() -> None:
    page = PAGE.read_text()
    table = page[page.index("| `into` | `emit`") :].split("\n\n")[0].splitlines()[2:]
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]
    assert [row[0] for row in rows] == ["", "message", "reasoning", "refusal", "call"]
    registers = set(re.findall(r"^\| `(state\.\w+)` \|", page, re.M))
    registers |= {f"block.{name}" for name in re.findall(r"`block\.(\w+)`", "".join(table))}
    assert len(registers) == 8
    for caller in CALLERS:
        base = tomllib.loads((ROOT / "mappings" / caller / "caller/answer.toml").read_text())
        for kind, chunk, *_ in rows:
            assert not kind or kind in base["block_kind"], (caller, kind)
            assert chunk in base["chunk"], (caller, chunk)
        assert registers - {"state.id"} <= {*base["takes"]}, caller
        assert base["convert"]["answer_id"], caller
        assert {"prompt", "completion", "cached", "written", "reasoning"} <= {
            *re.findall(r"\w+", str(base["usage"]))
        }
