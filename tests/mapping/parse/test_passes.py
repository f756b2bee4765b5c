"""Routes that are passed on: what the caller's side and a mapping say of them fits together."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.mappings import load_as_told, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.parse.passes import check_passes

SHIPPED = Path(__file__).resolve().parents[3] / "mappings"
CALLER, MAPPING = "openai-chat/caller.toml", "openai-chat/openai-chat/mapping.toml"


def told(tmp_path: Path, file: str, text: str) -> list[tuple[str, str, bool]]:
    """(path, text, whether it only does nothing) of what a site's file is told."""
    place = tmp_path / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    complaints: list = []
    load_as_told(read_folders([SHIPPED, tmp_path]), complaints)
    return [(one.path, one.text, one.idle) for one in complaints if tmp_path.name in one.where]


def test_each_route_that_is_shipped_is_answered_somewhere() -> None:
    mappings = load_mappings([SHIPPED])
    known = mappings.callers["openai-chat"].passes
    assert known.keys() == mappings.mappings["openai-chat/openai-chat"].upstream["pass"].keys()
    assert "pass" not in mappings.mappings["openai-chat/anthropic-messages"].upstream
    assert callable(check_passes)


@pytest.mark.parametrize(
    ("file", "text", "path", "words", "idle"),
    [
        (
            MAPPING,
            '[upstream.pass.embedding]\npath = "/e"\n',
            "upstream.pass.embedding",
            '"embeddings"',
            False,
        ),
        (
            MAPPING,
            '[upstream.pass.rerank.tokens]\ninput = "[0]"\n',
            "upstream.pass.rerank.tokens.input",
            "a field",
            False,
        ),
        (
            MAPPING,
            '[upstream.pass.rerank.tokens]\ninput = "a..b"\n',
            "upstream.pass.rerank.tokens.input",
            "not a path",
            False,
        ),
        (CALLER, '[pass.mine]\nroute = "/v1/mine"\n', "pass.mine", "nobody answers", True),
        (CALLER, '[pass.mine]\nroute = "/v1/rerank"\n', "pass.mine.route", "[pass.rerank]", False),
        (CALLER, '[request]\nalias = "a.model"\n', "request.alias", "a field's name", False),
    ],
)
def test_what_does_not_fit_is_told_at_its_line(
    tmp_path: Path, file: str, text: str, path: str, words: str, idle: bool
) -> None:
    found = told(tmp_path, file, text)
    assert any(p == path and words in t and i is idle for p, t, i in found), found


def test_a_site_s_own_route_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "openai-chat").mkdir()
    (tmp_path / CALLER).write_text('[pass.score]\nroute = "/v1/score"\n')
    assert told(tmp_path, MAPPING, '[upstream.pass.score]\npath = "/score"\n') == []
    assert load_mappings([SHIPPED, tmp_path]).callers["openai-chat"].passes["score"]
