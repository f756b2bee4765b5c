"""What stands where a table should and is no file: told at once, and seen by who watches."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from aisix.mapping.parse.files import marks, read_folders

ODD: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (os.mkfifo, "cannot be read: not a file"),  # reading it would wait for ever
    "folder": (Path.mkdir, "cannot be read: Is a directory"),
    "lost link": (lambda p: p.symlink_to("/nowhere/x.toml"), "cannot be read: No such file"),
    "link to itself": (lambda p: p.symlink_to(p), "cannot be read: Too many levels"),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_no_file_is_a_complaint_and_a_change(kind: str, tmp_path: Path) -> None:
    make, said = ODD[kind]
    folder = tmp_path / "site/openai-chat/anthropic-messages"
    folder.mkdir(parents=True)
    before = marks([tmp_path / "site"])
    make(folder / "request.toml")
    (table_folder,) = read_folders([tmp_path / "site"])
    (complaint,) = table_folder.complaints
    assert complaint.where == "site/openai-chat/anthropic-messages/request.toml"
    assert complaint.text.startswith(said)
    assert marks([tmp_path / "site"]) != before


@pytest.mark.parametrize(
    "path", ["request.TOML", "values.yaml", "traits/mine.yml", "request/rest.json"]
)
def test_a_file_that_only_looks_like_a_table_is_told_and_refuses_nothing(
    path: str, tmp_path: Path
) -> None:
    folder = tmp_path / "site/openai-chat/anthropic-messages"
    for quiet in ("README.md", "notes.yaml", ".request.toml.swp", "traits/README.md", "x/y.json"):
        (folder / quiet).parent.mkdir(parents=True, exist_ok=True)
        (folder / quiet).write_text("")
    (folder / path).parent.mkdir(exist_ok=True)
    (folder / path).write_text("")
    (complaint,) = read_folders([tmp_path / "site"])[0].complaints
    assert complaint.where == f"site/openai-chat/anthropic-messages/{path}" and complaint.idle
    assert complaint.text == "is not read: the name of a table file ends in .toml"
