"""mappings/NEW-PROVIDER.md: every snippet in its order, ending with tables that hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aisix.cli import main
from tests.mapping.lesson import Write, steps

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
    assert [call for d in deltas for call in d.get("tool_calls", [])] == [
        {"index": 0, **message["tool_calls"][0]}
    ]
    assert chunks[-1]["usage"] == whole["usage"]
    error = json.loads((made / "busy/caller-response.json").read_text())["error"]
    assert (error["type"], error["message"]) == ("rate_limit_error", "Too many at once.")
