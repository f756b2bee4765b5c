"""request.toml as a folder of parts: laid together in one order, told apart by file and line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.mappings import Mappings, load_mappings, load_shelves
from aisix.mapping.parse.files import PARTS, marks, pack, read_folders, unpack
from tests.mapping.laid import NAME, SHIPPED, laid, said

MAPPINGS = load_mappings([SHIPPED])
IN_PARTS = [name for name in MAPPINGS.mappings if (SHIPPED / name / "request").is_dir()]


def site(tmp_path: Path, **files: str) -> Path:
    """A folder `mine` with these parts; `request` is request.toml itself."""
    names = {"request": "request.toml"}
    return laid(tmp_path, {names.get(n, f"request/{n}.toml"): text for n, text in files.items()})


def request_of(mappings: Mappings, name: str = NAME) -> Any:
    return mappings.mappings[name].tree.data["request"]


# ---------------------------------------------------------------- a folder is the file
def test_the_large_mappings_are_in_parts() -> None:
    assert NAME in IN_PARTS
    for name in MAPPINGS.mappings:
        for file in (SHIPPED / name).rglob("*.toml"):
            if "cases" not in file.parts:
                # What may be a folder has small files; only request.toml may (`PARTS`).
                longest = 500 if file.stem in PARTS or file.parent.name in PARTS else 750
                assert file.read_text().count("\n") < longest, file


@pytest.mark.parametrize("name", IN_PARTS)
def test_parts_are_the_same_as_one_file(name: str, tmp_path: Path) -> None:
    one = tmp_path / "mappings"
    shutil.copytree(SHIPPED, one, ignore=shutil.ignore_patterns("cases"))
    shutil.rmtree(one / name / "request")
    (one / name / "request.toml").write_text("\n".join(as_toml(request_of(MAPPINGS, name))))
    theirs = load_mappings([one])
    ours, whole = request_of(MAPPINGS, name), request_of(theirs, name)
    assert ours == whole
    for section in ("let", "check", "adjust"):
        assert list(ours.get(section, {})) == list(whole.get(section, {}))
    for row in MAPPINGS.mappings[name].tree.data["models"]["model"]:
        model = MAPPINGS.mappings[name].example(row)
        mine, other = (m.mappings[name].effective(model) for m in (MAPPINGS, theirs))
        assert mine.request.known == other.request.known
        assert mine.tree.data["request"] == other.tree.data["request"]


def as_toml(data: dict[str, Any], at: tuple[str, ...] = ()) -> Iterator[str]:
    """The lines of one file that says this."""
    tables = {key: value for key, value in data.items() if type(value) is dict and value}
    if at:
        yield f"[{'.'.join(map(json.dumps, at))}]"
    for key, value in data.items():
        if key not in tables:
            yield f"{json.dumps(key)} = {inline(value)}"
    for key, value in tables.items():
        yield from as_toml(value, (*at, key))


def inline(value: Any) -> str:
    if type(value) is dict:
        return "{ " + ", ".join(f"{json.dumps(k)} = {inline(v)}" for k, v in value.items()) + " }"
    return f"[{', '.join(map(inline, value))}]" if type(value) is list else json.dumps(value)


def test_the_order_upstream_is_that_of_the_parts() -> None:
    fields = list(request_of(MAPPINGS)["field"])
    assert fields[0] == "model"
    places = [fields.index(name) for name in ("thinking", "tools", "messages", "system", "speed")]
    assert places == sorted(places)


# ---------------------------------------------------------------- a site's folder
def test_a_site_may_have_the_file_the_folder_or_both(tmp_path: Path) -> None:
    mine = site(
        tmp_path,
        request="[field.top_k]\ndefault = 40\n",
        fields="[field.top_p]\ndefault = 1\n",
        rest='[rest]\nseed = "warn"\n',
    )
    assert said(mine) == []
    found = load_mappings([SHIPPED, mine])
    request = request_of(found)
    assert request["field"]["top_k"] == {"from": "top_k", "as": "a_limit", "default": 40}
    assert request["field"]["top_p"] == {"from": "top_p", "default": 1}
    assert request["rest"]["seed"] == "warn"
    tree = found.mappings[NAME].tree
    where = [tree.where(("request", *keys)) for keys in (("field", "top_k", "default"),)]
    assert where == [f"mine/{NAME}/request.toml:2"]
    assert tree.where(("request", "rest", "seed")) == f"mine/{NAME}/request/rest.toml:2"


def test_a_part_works_over_a_mapping_that_is_one_file(tmp_path: Path) -> None:
    same = "openai-chat/openai-chat"
    target = tmp_path / "mine" / same / "request/rest.toml"
    target.parent.mkdir(parents=True)
    target.write_text('[rest]\nlogprobs = "warn"\n')
    assert not (SHIPPED / same / "request").exists()
    rest = request_of(load_mappings([SHIPPED, tmp_path / "mine"]), same)["rest"]
    assert rest == {"*": "pass", "logprobs": "warn"}


def test_the_parts_of_a_site_come_in_the_fixed_order(tmp_path: Path) -> None:
    row = '[adjust.{}]\nverb = "note"\n'
    mine = site(tmp_path, adjust=row.format("second"), accept=row.format("first"))
    names = list(request_of(load_mappings([SHIPPED, mine]))["adjust"])
    assert names[-2:] == ["first", "second"]


@pytest.mark.parametrize(
    ("first", "then"), [("request", "tools"), ("accept", "rest"), ("tools", "checks")]
)
def test_a_key_in_two_parts_of_one_folder_is_told_with_both(
    first: str, then: str, tmp_path: Path
) -> None:
    mine = site(
        tmp_path,
        **{
            first: "[field.top_k]\ndefault = 40\n",
            then: "# again\n[field.top_k]\ndefault = 41\n",
        },
    )
    at = {"request": "request.toml"}.get(first, f"request/{first}.toml")
    expected = f"field.top_k.default: is there twice (first at mine/{NAME}/{at}:2)"
    assert said(mine) == [f"mine/{NAME}/request/{then}.toml:3: {expected}"]


def test_two_sources_in_two_parts_are_two_sources(tmp_path: Path) -> None:
    mine = site(
        tmp_path, names='[field.mine]\nfrom = "user"\n', tools="[field.mine]\nvalue = 3\n"
    )  # and not, as in an overlay, the later one alone
    (line,) = said(mine)
    assert line.endswith("field.mine: one source only, found from and value")


def test_a_later_folder_may_say_a_key_again(tmp_path: Path) -> None:
    mine = site(tmp_path, fields="[field.top_k]\ndefault = 40\n")
    (tmp_path / "other").mkdir()
    theirs = site(tmp_path / "other", request="[field.top_k]\ndefault = 41\n")
    found = load_mappings([SHIPPED, mine, theirs])
    assert request_of(found)["field"]["top_k"]["default"] == 41


def test_a_part_of_an_unknown_name_is_a_slip(tmp_path: Path) -> None:
    mine = site(tmp_path, tool='[rest]\nseed = "warn"\n')
    (line,) = said(mine)
    assert line == (
        f"mine/{NAME}/request/tool.toml: no part of request.toml has this name"
        ' (did you mean "tools.toml"?)'
    )


def test_a_folder_of_almost_the_name_is_a_slip(tmp_path: Path) -> None:
    target = tmp_path / "mine" / NAME / "requests/tools.toml"
    target.parent.mkdir(parents=True)
    target.write_text('[rest]\nseed = "warn"\n')
    (line,) = said(tmp_path / "mine")
    assert line.endswith('no folder "requests" here (did you mean "request"?)')


def test_a_slip_in_a_part_names_its_file_and_line(tmp_path: Path) -> None:
    mine = site(tmp_path, tools='# mine\n[field.top_k]\nfrom = "top_k"\nmni = 1\n')
    assert said(mine) == [
        f'mine/{NAME}/request/tools.toml:4: field.top_k.mni: unknown key (did you mean "min"?)'
    ]


def test_parts_reach_every_worker_and_a_change_of_one_is_seen(tmp_path: Path) -> None:
    mine = site(tmp_path, fields="[field.top_k]\ndefault = 40\n")
    table_folders = read_folders([SHIPPED, mine])
    again = load_shelves(unpack(pack(table_folders)))
    assert request_of(again)["field"]["top_k"]["default"] == 40
    before = marks([mine])
    (mine / NAME / "request/fields.toml").write_text("[field.top_k]\ndefault = 4000\n")
    assert marks([mine]) != before
    changed = load_mappings([SHIPPED, mine])
    assert changed.mappings[NAME].digest != again.mappings[NAME].digest
