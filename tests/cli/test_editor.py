"""`aisix mappings init` and `schema`: a site's folder that an editor and a check are content with."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from aisix.cli import main
from aisix.mapping.grammar.tables import FILES
from tests.mapping.editor import taplo

NAME = "openai-chat/anthropic-messages"
# In each, the lines with "#!" are wrong and no others; what is told needs the tables below.
REQUEST = """
[field.max_tokens]
max = 100
[field.stop_sequences]
polcy = "warn"              #!
[field.top_k]
policy = "rejct"            #!
[field.mine]
policy = "rejct"
[let.legacy]
mxa = 3                     #!
"""
TRAIT = """
[request.field.top_p]
polcy = "warn"              #!
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("work") / "mine"
    assert main.main(["mappings", "init", str(folder)]) == 0
    return folder


def example(site: Path) -> Path:
    (found,) = site.glob(f"{NAME}/traits/*.toml")
    return found


def test_the_example_holds_and_names_its_schema(site: Path, capsys: Any) -> None:
    assert main.main(["mappings", "check", str(site), "--no-cases"]) == 0, capsys.readouterr()
    first = example(site).read_text().split("\n")[0]
    assert (example(site).parent / first.removeprefix("#:schema ")).is_file()
    readme = (site / "README.md").read_text()
    assert f"aisix mappings check {site}" in readme
    assert str(example(site).relative_to(site)) in readme


def test_every_rule_leads_to_a_schema(site: Path) -> None:
    rules = tomllib.loads((site / ".taplo.toml").read_text())["rule"]
    for rule in rules:
        assert json.loads((site / rule["schema"]["path"]).read_text())["definitions"]


def test_what_is_there_stays(site: Path) -> None:
    (site / "README.md").write_text("ours\n")
    example(site).write_text(example(site).read_text() + "min = 1\n")
    assert main.main(["mappings", "init", str(site)]) == 0
    assert (site / "README.md").read_text() == "ours\n"
    assert example(site).read_text().endswith("min = 1\n")


def test_schemas_go_where_they_are_asked_for(tmp_path: Path, capsys: Any) -> None:
    assert main.main(["mappings", "schema", str(tmp_path)]) == 0
    assert {f.stem for f in (tmp_path / "schemas").iterdir()} == {*FILES}
    capsys.readouterr()
    assert main.main(["mappings", "schema", "--json"]) == 0
    assert {*json.loads(capsys.readouterr().out)} == {*FILES}
    assert main.main(["mappings", "schema", "--for", str(tmp_path / "none")]) == 2


def test_a_schema_says_what_stands_there_now(site: Path) -> None:
    whole = json.loads((site / "schemas" / NAME / "request.json").read_text())
    now = whole["anyOf"][1]["properties"]["field"]["properties"]["max_tokens"]["properties"]
    assert now["max"]["description"].startswith('Now: `"$model.max_tokens"`, mappings/')


@taplo.needed
@pytest.mark.timeout(600)  # Node may starve on a busy machine
def test_a_part_of_a_rule_is_known_by_the_tables_below_it(site: Path) -> None:
    (site / NAME / "request.toml").write_text(REQUEST)
    (site / NAME / "traits" / "t.toml").write_text(TRAIT)
    files = [f"{NAME}/{name}.toml" for name in ("request", "traits/t", "traits/example-limit")]
    assert main.main(["mappings", "schema", "--for", str(site)]) == 0
    alarms = {(alarm.file, alarm.line) for alarm in taplo.lint(site, files)}
    wrong = {
        (file, number)
        for file, text in zip(files, (REQUEST, TRAIT), strict=False)
        for number, line in enumerate(text.split("\n"), 1)
        if line.endswith("#!")
    }
    assert alarms == wrong
