"""Bases: folders that hold one side of several mappings."""

from __future__ import annotations

from pathlib import Path

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import load_as_told, load_mappings
from aisix.mapping.parse.files import TableFolder, read_folders
from aisix.mapping.parse.lineage import bases_of, line_of
from tests.mapping.laid import NAME, SHIPPED

BASE = "acme/upstream"
HEAD = f'base = ["{BASE}"]\n'


def folder(files: dict[str, str]) -> TableFolder:
    return TableFolder(Path("/mine"), "mine", {path: text.encode() for path, text in files.items()})


def told(files: dict[str, str]) -> list[str]:
    found: list[str] = []
    complaints: list = []
    load_as_told([*read_folders([shipped_mappings()]), folder(files)], complaints)
    found += [str(one) for one in dict.fromkeys(complaints)]
    return found


def test_a_base_stands_before_whoever_names_it() -> None:
    files = {
        "x/a/mapping.toml": 'base = ["x/caller", "y/upstream"]\n',
        "x/b/mapping.toml": 'like = "a"\nbase = ["y/upstream", "z/upstream"]\n',
        "x/caller/values.toml": "a = []\n",
        "y/upstream/values.toml": "a = []\n",
        "z/upstream/values.toml": "a = []\n",
    }
    folders = [folder(files)]
    assert bases_of(folders) == ["x/caller", "y/upstream", "z/upstream"]
    found: list = []
    line = line_of(folders, "x/b", found)
    assert (line, found) == (["x/caller", "y/upstream", "x/a", "z/upstream", "x/b"], [])


def test_what_a_base_says_a_mapping_may_say_otherwise(tmp_path: Path) -> None:
    files = {
        f"{NAME}/mapping.toml": HEAD,
        f"{BASE}/values.toml": '[stop_reason]\nresting = "stop"\nend_turn = "length"\n',
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).write_text(text)
    mapping = load_mappings([SHIPPED, tmp_path]).mappings[NAME]
    assert mapping.line[-2:] == (BASE, NAME)  # behind those that it has without the site
    assert mapping.kin == (NAME,)
    words = mapping.tree.data["values"]["stop_reason"]
    assert (words["resting"], words["end_turn"]) == ("stop", "stop")


def test_a_base_that_is_none_is_told_with_a_near_name() -> None:
    values = "[x]\n'*' = 'y'\n"
    found, idle = told(
        {f"{NAME}/mapping.toml": 'base = ["acme/upstrem"]\n', f"{BASE}/values.toml": values}
    )
    assert found.startswith(f'mine/{NAME}/mapping.toml:1: base: no base "acme/upstrem"')
    assert 'did you mean "acme/upstream"' in found
    assert idle.startswith(f"mine/{BASE}: does nothing")


def test_a_base_that_nobody_names_is_told() -> None:
    (found,) = told({f"{BASE}/values.toml": "[x]\n'*' = 'y'\n"})
    assert found == f'mine/{BASE}: does nothing: no mapping.toml names the base "{BASE}"'


def test_what_is_wrong_in_a_base_is_told_where_it_stands() -> None:
    found = told({f"{NAME}/mapping.toml": HEAD, f"{BASE}/values.toml": "[stop_reason\n"})
    assert [one for one in found if one.startswith(f"mine/{BASE}/values.toml:1: ")]


def test_an_option_that_nobody_reads_is_told_however_many_bases_there_are() -> None:
    option = '[option.mine]\ntype = "boolean"\ndefault = true\nhelp = "x"\n'
    (found,) = told({f"{NAME}/mapping.toml": option})
    assert found.startswith(f"mine/{NAME}/mapping.toml:1: option.mine: no rule reads this option")
