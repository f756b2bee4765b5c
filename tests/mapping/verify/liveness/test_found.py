"""A key that changes nothing anywhere is told at its line, with the rule that wins; no other is."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.effective import Mapping
from aisix.mapping.mappings import load_as_told, load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.mapping.parse.toml_tree import Keys
from aisix.mapping.syntax.paths import get
from aisix.mapping.verify import cases
from aisix.mapping.verify.liveness.found import Found, found_dead
from aisix.mapping.verify.liveness.sources import Part, replaced
from aisix.mapping.verify.liveness.tried import Tried, declared
from aisix.mapping.verify.liveness.units import FILES
from tests.long import LONG
from tests.mapping.laid import NAME, SHIPPED, laid

# files -> (file, line, key, what of the reason)
DEAD: dict[str, tuple[dict[str, str], tuple[str, int, str, str]]] = {
    "skip beside use": (
        {"request.toml": "[shape.part.is.image_url]\nskip = true\n"},
        ("request.toml", 2, "shape.part.is.image_url.skip", "`use` of mappings/"),
    ),
    "reject beside use": (
        {"request.toml": '[shape.part.is.image_url]\nreject = "bad_media"\n'},
        ("request.toml", 2, "shape.part.is.image_url.reject", "`use` of mappings/"),
    ),
    "what is set beside rows that are chosen": (
        {"answer.toml": '[event.content_block_start.is.tool_use.set]\n"state.x" = 1\n'},
        ("answer.toml", 2, "event.content_block_start.is.tool_use.set.state.x", "`first` of"),
    ),
    "a trait's value under its own policy": (
        {"traits/no-sampling.toml": "[request.field.top_k]\ndefault = 40\n"},
        ("traits/no-sampling.toml", 2, "request.field.top_k.default", "`policy` of mappings/"),
    ),
    "a let nobody asks for": (
        {"request.toml": '[let.mine]\nfrom = "user"\n'},
        ("request.toml", 1, "let.mine", "nothing asks for `$let.mine`"),
    ),
    "an envelope nobody sends": (
        {"answer.toml": '[envelope.hole]\nid = "x"\n'},
        ("answer.toml", 2, "envelope.hole.id", "nothing reads it here"),
    ),
    "all that a trait says of one file": (
        {
            "traits/no-sampling.toml": '[answer.envelope.hole]\nid = "x"\n'
            "[answer.list.mine]\nvalue = []\n"
        },
        ("traits/no-sampling.toml", 2, "answer", "nothing reads it here"),
    ),
    "a length without a message": (
        {"errors.toml": '[upstream.overloaded]\nmessage = "wait"\nlongest = 30\n'},
        ("errors.toml", 3, "upstream.overloaded.longest", "nothing reads it here"),
    ),
}
QUIET = {
    "a value": {"request.toml": "[field.max_tokens]\ndefault = 4000\n"},
    "what holds already, said again": {
        "request.toml": '[field.temperature]\nmax = 1\n[rest]\nstore = { policy = "warn" }\n',
        "answer.toml": 'block = "index"\n',
    },
    "a word": {"values.toml": '[stop_reason]\nrefusal = "stop"\n'},
    "only rows that keep a sampler have it": {"request.toml": "[field.top_k]\ndefault = 40\n"},
    "of one option": {
        "request.toml": "[field.top_k]\ndefault = 9\n[field.top_k.when]\n"
        '"$option.thinking_default" = "off"\n'
    },
    "a stronger key over a base": {"request.toml": '[field.top_k]\npolicy = "reject"\n'},
    "taken away": {"request.toml": "[field.top_k]\ndrop = true\n"},
    "earlier in the order": {
        "request.toml": '[adjust.mine]\nbefore = "thinking-siblings"\nverb = "set"\n'
        'fields = { top_k = 4 }\nwhen = { top_k = "$absent" }\n'
    },
    "a guess earlier in the order": {
        "errors.toml": '[guess.mine]\nbefore = "rate-limit"\nmatch = "limit"\nstatus = 503\n'
    },
    "a choice of items that holds for none": {
        "request.toml": '[let.mine]\nfrom = "messages"\nwhere = { "$model.thinks" = 3 }\n'
        '[field.mine]\nfrom = "$let.mine"\n'
    },
    "a let that tells": {
        "request.toml": '[let.mine]\nfrom = "user"\npolicy = "warn"\ntold = "seen"\n'
    },
}


def looked_at(files: dict[str, str], tmp_path: Path, name: str = NAME) -> Found:
    site = laid(tmp_path, files, name)
    return found_dead(load_as_told(read_folders([SHIPPED, site]), []))


@pytest.mark.parametrize("name", DEAD)
def test_what_does_nothing_is_told_at_its_line(name: str, tmp_path: Path) -> None:
    files, (file, line, path, why) = DEAD[name]
    (told,) = looked_at(files, tmp_path).complaints
    assert told.where == f"mine/{NAME}/{file}:{line}"
    assert told.path == path
    assert told.text.startswith("changes nothing: ") and why in told.text


@pytest.mark.parametrize("name", QUIET)
def test_what_acts_or_says_again_what_holds_is_not(name: str, tmp_path: Path) -> None:
    found = looked_at(QUIET[name], tmp_path)
    assert found.complaints == [] and found.untried == {}


def test_what_is_told_already_is_not_told_twice(tmp_path: Path) -> None:
    files, _ = DEAD["skip beside use"]
    mappings = load_as_told(read_folders([SHIPPED, laid(tmp_path, files)]), [])
    [told] = found_dead(mappings).complaints
    around = replace(told, where=told.where[:-1] + "1", path="shape.part.is.image_url")
    for said in (told, around):
        assert found_dead(mappings, [said]).complaints == []


def test_what_there_is_no_time_for_is_counted(tmp_path: Path) -> None:
    site = laid(tmp_path, {"request.toml": "[field.max_tokens]\ndefault = 4000\nmin = 3\n"})
    mappings = load_as_told(read_folders([SHIPPED, site]), [])
    assert found_dead(mappings, most=0).untried == {f"mine/{NAME}/request.toml": 2}
    assert found_dead(mappings, most=None).untried == {}


def test_a_key_that_acts_for_who_is_like_it_acts(tmp_path: Path) -> None:
    like = tmp_path / "mine/openai-chat/other"
    like.mkdir(parents=True)
    text = 'format = 1\nlike = "anthropic-messages"\ntitle = "other"\n'
    (like / "mapping.toml").write_text(text)
    (like / "request.toml").write_text('[shape.part.is.image_url]\nuse = "image"\nskip = true\n')
    dead = found_dead(load_as_told(read_folders([SHIPPED, tmp_path / "mine"]), []))
    assert [one.path for one in dead.complaints] == ["shape.part.is.image_url.skip"]


# ---------------------------------------------------------------- the notion itself
def without(mapping: Mapping, part: Part, keys: Keys) -> Mapping:
    """The mapping without one key of its merged tables."""
    data, traits = mapping.tree.data, dict(mapping.traits)
    if part.trait:
        old = traits[part.trait]
        traits[part.trait] = replace(old, data=replaced(old.data, keys, None))
    else:
        data = {**data, part.file: replaced(data[part.file], keys, None)}
    tree = replace(mapping.tree, data=data)
    return replace(mapping, tree=tree, traits=traits, _effective={}, _rows=[])


def alone(part: Part, keys: Keys, parts: Sequence[Part]) -> bool:
    """Whether no base has it too: of merged tables it is taken away as a whole."""
    beside = (one for one in parts if (one.trait, one.file) == (part.trait, part.file))
    return all(one is part or get(one.tree.data, keys) is None for one in beside)


def nodes(tree: Any, at: Keys = ()) -> list[Keys]:
    found = []
    for key, value in tree.items():
        found.append((*at, key))
        if isinstance(value, dict):
            found += nodes(value, (*at, key))
    return found


@pytest.mark.parametrize("name", load_mappings([SHIPPED]).mappings)
def test_where_it_says_no_difference_every_case_comes_out_the_same(name: str) -> None:
    """Each shipped key left out by turns; a sample, and all of them in the long run."""
    mappings = load_mappings([SHIPPED])
    mapping = mappings.mappings[name]
    tried = Tried.of(mappings.table_folders, mapping)
    keys = [
        (part, keys)
        for part in tried.sources.parts
        if part.trait or part.file in FILES
        for keys in nodes(part.tree.data)
        if (key := declared(part, keys)) is None or not key.for_people
        if alone(part, keys, tried.sources.parts)
    ]
    if LONG == 1:
        keys = random.Random(name).sample(keys, 150)
    dead = [(part, one) for part, one in keys if not tried.acts(part, one)]
    found = [replace(one, compiled=False) for one in cases.find(mapping.folders, name)]
    for part, one in dead if LONG > 1 else dead[:2]:
        other = without(mapping, part, one)
        for case in found:
            assert cases.run(case, other) == [], f"{case.name} without {part.path} {one}"
