"""YAML with settings in it, as people write it."""

from __future__ import annotations

import pytest

from aisix.cli.use.merging import NotMerged, merged

MINE = """# my aider
model: gpt-5   # the good one
read:
  - CONVENTIONS.md  # ours

deep:
    er: 1
"""


def test_what_is_there_stays_as_it_is_written() -> None:
    wanted = {"model": "openai/claude-prod", "key": "sk-1", "deep": {"er": 2, "new": True}}
    assert merged("yaml", MINE, wanted) == (
        '# my aider\nmodel: "openai/claude-prod"   # the good one\n'
        "read:\n  - CONVENTIONS.md  # ours\n\ndeep:\n    new: true\n    er: 2\n"
        'key: "sk-1"\n'
    )


def test_an_empty_file_takes_the_settings_in_their_order() -> None:
    assert merged("yaml", "", {"a": "x: y", "b": {"c": 1}}) == 'a: "x: y"\nb:\n  c: 1\n'
    assert merged("yaml", "# mine\n", {"a": "x"}) == '# mine\na: "x"\n'


def test_a_value_that_is_not_written_is_put_behind_its_key() -> None:
    assert merged("yaml", "model:\nb: 1\n", {"model": "x"}) == 'model: "x"\nb: 1\n'


@pytest.mark.parametrize(
    "text",
    ["{a: 1}\n", "model: |\n  several\n  lines\n", "model: [1, 2]\n", "- a\n", "x\n", "a: [\n"],
)
def test_what_cannot_be_changed_is_refused(text: str) -> None:
    with pytest.raises(NotMerged):
        merged("yaml", text, {"model": "x"})
