"""What an overlay made unused is told at the overlay's line, with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from aisix.errors import OperatorError
from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.verify.unused import offered, unused
from tests.mapping.laid import NAME, SHIPPED, checked, laid

# what a site writes -> the line that takes the last use of [convert.user_tag] away
TAKEN = {
    "another list of verbs": ("[field.metadata.user_id]\nas = 'not_empty'\n", 2),
    "another source": ("[field.metadata]\nuser_id = 'me'\n", 2),
    "the rule taken away": ("[field.metadata.user_id]\ndrop = true\n", 2),
    "the rule around it taken away": ("\n[field.metadata]\ndrop = true\n", 3),
}


@pytest.mark.parametrize("how", TAKEN)
def test_it_is_told_where_it_was_caused(how: str, tmp_path: Path) -> None:
    text, line = TAKEN[how]
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})])
    before = mappings.up_to(0).mappings[NAME]
    complaint = unused(mappings.mappings[NAME], "request.convert.user_tag", before)
    assert complaint.where == f"mine/{NAME}/request.toml:{line}"
    assert "the last use of [convert.user_tag]" in complaint.text
    assert complaint.text.endswith("write [convert.user_tag] drop = true in request.toml")


@pytest.mark.parametrize("how", TAKEN)
def test_what_it_says_to_write_is_all_that_is_wanted(how: str) -> None:
    """Nothing more is said of the overlay that takes away what it no longer uses."""
    text = f"{TAKEN[how][0]}[convert.user_tag]\ndrop = true\n"
    assert checked({f"{NAME}/request.toml": text})[0] == []


def test_a_new_trait_of_every_model_is_told_at_its_own_line(tmp_path: Path) -> None:
    site = laid(
        tmp_path,
        {
            "models.toml": '[defaults]\nmore_traits = ["mine"]\n',
            "traits/mine.toml": "[request.field.metadata.user_id]\nas = 'not_empty'\n",
        },
    )
    mappings = load_mappings([SHIPPED, site])
    before = mappings.up_to(0).mappings[NAME]
    complaint = unused(mappings.mappings[NAME], "request.convert.user_tag", before)
    assert complaint.where == f"mine/{NAME}/traits/mine.toml:2"
    assert "the last use of [convert.user_tag]" in complaint.text
    lent = mappings.mappings["anthropic-messages/anthropic-messages"]  # which has no such trait
    assert "mine" not in lent.effective(lent.example()).traits


def test_a_name_that_nobody_used_before_is_told_where_it_stands(tmp_path: Path) -> None:
    text = "\n[chunk.mine]\nx = 'y'\n"
    mapping = load_mappings([SHIPPED, laid(tmp_path, {"answer.toml": text})]).mappings[NAME]
    complaint = unused(mapping, "answer.chunk.mine", None)
    assert str(complaint) == f"mine/{NAME}/answer.toml:2: answer.chunk.mine: nothing uses it"


def test_a_value_table_is_told_too(tmp_path: Path) -> None:
    text = "[field.output_config]\ndrop = true\n"
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"request.toml": text})])
    spot = unused(mappings.mappings[NAME], "values.effort", mappings.up_to(0).mappings[NAME])
    assert "[effort] drop = true in values.toml" in spot.text


OTHER = "anthropic-messages/openai-chat"


def told(tmp_path: Path, text: str, name: str = NAME) -> list[str]:
    """What a check says of such a request.toml."""
    return checked({f"{name}/request.toml": text})[0]


def test_what_only_a_trait_used_is_told_where_the_rule_went(tmp_path: Path) -> None:
    said = told(tmp_path, "[field.reasoning_effort]\ndrop = true\n", OTHER)
    trait = f"mappings/{OTHER}/traits/no-reasoning.toml:"
    [line] = [one for one in said if "last use of [no_effort]" in one]
    assert line.startswith(f"mine/{OTHER}/request.toml:2: field.reasoning_effort.table: this takes")
    assert trait in line
    assert line.endswith("write [no_effort] drop = true in values.toml")


def test_what_was_used_by_what_is_used_no_more_is_told_at_the_same_line(tmp_path: Path) -> None:
    said = told(tmp_path, "[field.tools]\ndrop = true\n")
    assert said
    assert [one for one in said if not one.startswith(f"mine/{NAME}/request.toml:2: ")] == []


def test_another_verb_leaves_the_options_of_the_one_below_behind(tmp_path: Path) -> None:
    text = '[convert.user_tag]\nverb = "split"\n'
    assert told(tmp_path, f'{text}by = ","\n') == []
    [line] = told(tmp_path, text)
    assert line == f'mine/{NAME}/request.toml:1: convert.user_tag: "split" needs by'


def test_an_option_of_the_verb_below_that_another_one_cannot_use(tmp_path: Path) -> None:
    shipped = "[convert.mine]\nverb = 'split'\nby = ','\n[field.x]\nfrom = 'user'\nas = 'mine'\n"
    for folder, text in (
        ("a", shipped),
        ("b", "[convert.mine]\nverb = 'wrap'\nkey = 'a'\nx = 1\n"),
    ):
        (tmp_path / folder / NAME).mkdir(parents=True)
        (tmp_path / folder / NAME / "request.toml").write_text(text)
    with pytest.raises(OperatorError) as error:
        mapping = load_mappings([SHIPPED, tmp_path / "a", tmp_path / "b"]).mappings[NAME]
        mapping.effective(mapping.example())
    [one] = error.value.complaints  # `by`, which wrap has not, is gone; `x` is his own
    assert str(one).startswith(f"b/{NAME}/request.toml:4: convert.mine.x: unknown key")


# ---------------------------------------------------------------- bases
def over_bases(tmp_path: Path, files: dict[str, str]) -> Mappings:
    """Two mappings to an upstream of a site's, which has a base of its own."""
    head = 'format = 1\ntitle = "x"\n'
    base = {"mapping.toml": '[upstream]\napi_base = "https://acme.example"\npath = "/x"\n'}
    base["errors.toml"] = '[upstream.any]\nstatus = 502\ntype = "x"\nmessage = "{message}"\n'
    for name, text in (base | files).items():
        target = tmp_path / "mine/acme/upstream" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    for name in ("one", "two"):
        target = tmp_path / f"mine/openai-chat/{name}/mapping.toml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(
            f'{head}adapter = "{name}"\nbase = ["acme/upstream", "openai-chat/caller"]\n'
        )
        target.with_name("request.toml").write_text("[field]\nmodel = '$upstream_model'\n")
    return load_mappings([SHIPPED, tmp_path / "mine"])


ANSWER = """
[event.part]
give.text = { from = "say" }
emit = "text"
[event."*"]
ignore = true
[plain]
check = { say = "$present" }
"""


def test_what_a_base_of_callers_has_beside_is_offered(tmp_path: Path) -> None:
    found = over_bases(tmp_path, {"answer.toml": ANSWER + "[convert.mine]\nverb = 'length'\n"})
    one, others = found.mappings["openai-chat/one"], found.mappings.values()
    assert offered("answer.chunk.refused", one, others)
    assert offered("answer.block_kind.call", one, others)
    assert not offered("answer.convert.mine", one, others)  # of an upstream's, and nobody's


def test_what_another_mapping_over_the_base_of_an_upstream_uses_is_offered(tmp_path: Path) -> None:
    (tmp_path / "mine/openai-chat/two").mkdir(parents=True)
    uses = "[event.part]\ngive.text = { from = 'say', as = 'mine' }\n"
    (tmp_path / "mine/openai-chat/two/answer.toml").write_text(uses)
    found = over_bases(tmp_path, {"answer.toml": ANSWER + "[convert.mine]\nverb = 'lower_case'\n"})
    assert offered(
        "answer.convert.mine", found.mappings["openai-chat/one"], found.mappings.values()
    )
