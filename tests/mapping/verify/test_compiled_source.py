"""`aisix mappings show --compiled` prints the source that runs."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

from aisix.cli import main
from aisix.mapping.compile.runtime import CompiledRequest
from aisix.mapping.verify.compiled_source import sources
from tests.mapping.compile.test_as_interpreted import MAPPING, MAPPINGS


def said(*argv: str) -> tuple[int, str]:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main.main(["mappings", "show", *argv])
    return code, out.getvalue()


def test_what_is_shown_is_what_runs() -> None:
    tables = MAPPING.effective(MAPPING.example("opus-4-6"))
    body = MAPPING.caller.sample
    shown = dict(sources(tables, MAPPING.caller, body))
    tables.forms.translate(body, CompiledRequest(body, "", "", {}))
    assert list(shown) == ["request with messages, model", "plain answer", "stream"]
    (ran,) = [s for n, s in tables.forms.sources().items() if n.endswith(": messages, model>")]
    assert shown["request with messages, model"].startswith(ran)
    for source in shown.values():
        compile(source, "shown", "exec")
        assert "\ndef " in source or source.startswith("def ")
        assert "\n# " in source  # what the constants stand for


def test_every_mapping_shows_its_source_or_says_why_there_is_none() -> None:
    for name in MAPPINGS.mappings:
        code, text = said(name, "--compiled")
        assert code == 0
        compile(text, name, "exec")
        parts = text.split("# ----------------")[1:]
        kinds = [part.split("\n")[0].strip() for part in parts[1:]]
        assert kinds in (["plain answer", "stream"], ["answer, piece by piece"]), name
        for part in parts:
            assert "\ndef " in part or "# run rule by rule: " in part


def test_a_request_of_ones_own_is_what_the_source_is_written_for(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    body = {"model": "m", "messages": [{"role": "user", "content": "q"}], "temperature": 1.0}
    file.write_text(json.dumps(body))
    choice = ("openai-chat/anthropic-messages", "--model", "claude-sonnet-4-6", "--json")
    code, text = said(*choice, "--compiled", "--request", str(file))
    found = json.loads(text)
    assert code == 0
    assert found["model_row"] == MAPPING.row_for("claude-sonnet-4-6")
    assert "request with messages, model, temperature" in found["sources"]
    file.write_text(json.dumps({**body, "temperature": 3}))
    code, text = said(*choice, "--compiled", "--request", str(file))
    assert (
        "the request is refused (above_max, temperature)" in json.loads(text)["sources"]["answer"]
    )
    file.write_text("[]")
    assert said(*choice, "--compiled", "--request", str(file))[0] == 2
