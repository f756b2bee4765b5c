"""A fixed part of the run: slips are told, good overlays are quiet. All: python -m tests.mapping.mutate"""

from __future__ import annotations

import random

from tests.mapping.mutate.__main__ import SEED, judged
from tests.mapping.mutate.bases import bases
from tests.mapping.mutate.edits import KINDS, Edit, edits
from tests.mapping.mutate.judge import CASE, HINTED, PROGRAM, SILENT, TOLD, Judge

FEW = 16
BASE = "lab"


def test_slips_are_told_and_what_is_good_is_not() -> None:
    base = next(one for one in bases() if one.name == BASE)
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


def test_each_class_is_known() -> None:
    base = next(one for one in bases() if one.name == BASE)
    judge = Judge(base)
    path = "openai-chat/openai-chat/request.toml"
    text = base.files[path]
    slips = {
        ("default = 7", "defualt = 7"): TOLD,
        ("when = { temperature = 0 }", "when = { temperature = false }"): HINTED,
        ("default = 7", "default = 8"): CASE,
        ("user = ", "usre = "): HINTED,
    }
    for (was, now), kind in slips.items():
        assert was in text
        edit = Edit("by hand", path, 1, was, now, text.replace(was, now))
        outcome = judge.sort(edit)
        assert outcome.kind == kind, outcome
