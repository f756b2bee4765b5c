"""A fixed part of the run: slips are told, good overlays are quiet. All: python -m tests.mapping.mutate"""

from __future__ import annotations

import random

import pytest

from tests.mapping.mutate.__main__ import SEED, judged
from tests.mapping.mutate.bases import OVERLAYS, Base, bases
from tests.mapping.mutate.edits import KINDS, Edit, edits
from tests.mapping.mutate.judge import CASE, HINTED, PROGRAM, SILENT, TOLD, Judge

FEW = 16
BASE = "lab"


def test_slips_are_told_and_what_is_good_is_not() -> None:
    base = named(BASE)
    every = [
        edit for path, text in base.files.items() for edit in edits(path, text, random.Random(SEED))
    ]
    assert {edit.kind for edit in every} == set(KINDS)
    alarms, outcomes = judged(base, random.Random(SEED).sample(every, FEW))
    assert alarms == []
    quiet = [str(one) for one in outcomes if one.kind in (PROGRAM, SILENT)]
    assert len(quiet) <= 2, quiet
    assert sum(one.kind == TOLD for one in outcomes) > FEW / 2


def test_a_list_of_one_is_no_mistake_where_a_text_would_do() -> None:
    text = '[field]\nx = { from = "y" }\nz = { value = "y" }\n'
    made = [edit.now for edit in edits("a/b/request.toml", text, random.Random(SEED))]
    assert 'x = { from = ["y"] }' not in made
    assert 'z = { value = ["y"] }' in made


@pytest.mark.parametrize("name", sorted(folder.name for folder in OVERLAYS.iterdir()))
def test_operators_folders_are_good(name: str) -> None:
    """Their cases hold, and nothing is said of them."""
    assert Judge(named(name)).alarms == []


def test_each_class_is_known() -> None:
    base = named(BASE)
    judge = Judge(base)
    request, slow = "openai-chat/openai-chat/request.toml", "openai-chat/slow/request.toml"
    slips = {
        (request, "default = 7", "defualt = 7"): TOLD,
        (request, "when = { temperature = 0 }", "when = { temperature = false }"): HINTED,
        (request, "default = 7", "default = 8"): CASE,
        (request, "user = ", "usre = "): HINTED,
        (slow, 'priority = "drop"', 'priority = "reject"'): PROGRAM,
        (request, "default = 7", "default = 7  # said by nobody"): SILENT,
    }
    for (path, was, now), kind in slips.items():
        text = base.files[path]
        assert was in text
        edit = Edit("by hand", path, 1, was, now, text.replace(was, now))
        outcome = judge.sort(edit)
        assert outcome.kind == kind, outcome


def named(name: str) -> Base:
    return next(one for one in bases() if one.name == name)
