"""Old words of the tables: each is one complaint that says the new one, with file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.renamed import RENAMED, rename
from aisix.mapping.parse.toml_tree import parse_text
from tests.mapping.laid import NAME, SHIPPED, laid, said

REVERSE = "anthropic-messages/openai-chat"

# mapping, file, what is in it, line, key, old word, new word
OLD: dict[str, tuple[str, str, str, int, str, str, str]] = {
    "what a cap takes away": (
        *(NAME, "request.toml", '[adjust.budget]\ndrop = "thinking"\n'),
        *(2, "adjust.budget.drop", "drop", "or_remove"),
    ),
    "a variant of a shape": (
        NAME,
        "request.toml",
        '[shape.part.when.video]\nreject = "bad_value"\nat = "type"\n',
        *(1, "shape.part.when", "when", "is"),
    ),
    "a variant below another": (
        NAME,
        "request.toml",
        '[shape.any_tool.is."*".first.other]\nby = "a"\n'
        '[shape.any_tool.is."*".first.other.when."*"]\nskip = true\n',
        *(3, "shape.any_tool.is.*.first.other.when", "when", "is"),
    ),
    "a variant in a trait": (
        *(NAME, "traits/mine.toml", "[request.shape.part.when]\nimage = { verbatim = true }\n"),
        *(1, "request.shape.part.when", "when", "is"),
    ),
    "a row of an event": (
        NAME,
        "answer.toml",
        '[event.content_block_start.when.caption]\nopen = "text"\n',
        *(1, "event.content_block_start.when", "when", "is"),
    ),
    "a pass": (
        *(NAME, "request.toml", '[field.messages.arrange.loop]\nverb = "opening"\n'),
        *(2, "field.messages.arrange.loop.verb", "opening", "began_with"),
    ),
    "an adjustment": (
        *(NAME, "request.toml", '[adjust.escape-hatch]\nverb = "merge"\n'),
        *(2, "adjust.escape-hatch.verb", "merge", "lay_over"),
    ),
    "a verb": (
        *(NAME, "request.toml", '[convert.whole_details]\nverb = "fold"\n'),
        *(2, "convert.whole_details.verb", "fold", "combine"),
    ),
    "a verb of the answer": (
        *(NAME, "answer.toml", '[convert.free_text]\nverb = "field"\n'),
        *(2, "convert.free_text.verb", "field", "field_text"),
    ),
    "an option of a verb": (
        *(NAME, "request.toml", '[convert.strict_budget]\nverb = "schemas_fit"\n'),
        *(2, "convert.strict_budget.verb", "schemas_fit", "fitting_schemas"),
    ),
    "a paused turn": (
        *(NAME, "answer.toml", "# mine\n[again]\nrounds = 3\n"),
        *(2, "again", "again", "continuation"),
    ),
    "a kind of block": (
        *(REVERSE, "answer.toml", '[lane.text]\nend = "block_ends"\n'),
        *(1, "lane", "lane", "block_kind"),
    ),
    "how blocks grow": (
        *(REVERSE, "answer.toml", '[grow]\nlist = "content"\n'),
        *(1, "grow", "grow", "accumulate"),
    ),
    "and from which chunk": (
        *(REVERSE, "answer.toml", '[accumulate.when]\nmine = { text = "delta.text" }\n'),
        *(1, "accumulate.when", "when", "is"),
    ),
}


@pytest.mark.parametrize("what", OLD)
def test_an_old_word_is_one_complaint_that_says_the_new_one(what: str, tmp_path: Path) -> None:
    name, file, text, line, key, old, new = OLD[what]
    site = laid(tmp_path, {file: text}, name)
    assert said(site, name) == [f'mine/{name}/{file}:{line}: {key}: "{old}" is "{new}" now']


def test_every_renamed_word_is_tried() -> None:
    tried = {(row[-2], row[-1]) for row in OLD.values()}
    assert tried == {(one.old, one.new) for one in RENAMED}


def test_old_words_within_old_words_are_all_told(tmp_path: Path) -> None:
    site = laid(tmp_path, {"answer.toml": "[grow.when]\nmine = { text = 'a' }\n"}, REVERSE)
    assert said(site, REVERSE) == [
        f'mine/{REVERSE}/answer.toml:1: grow: "grow" is "accumulate" now',
        f'mine/{REVERSE}/answer.toml:1: accumulate.when: "when" is "is" now',
    ]


def test_a_word_of_the_same_letters_elsewhere_stays() -> None:
    text = (
        '[rest]\nseed = "drop"\nstore = { policy = "warn", drop = [false] }\n'
        '[field.again]\nfrom = "again"\nwhen = { a = 1 }\n'
        '[field.messages.arrange.turns]\nverb = "merge"\n'
    )
    tree = parse_text(text, "request.toml")
    assert rename(tree, ("request",)) == []
    assert tree.data == parse_text(text, "request.toml").data


def test_the_shipped_tables_have_no_old_word() -> None:
    load_mappings([SHIPPED])  # else it would complain
