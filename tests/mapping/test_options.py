"""What an alias may set: rules ask for it, and are not there where it is otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.options import words_of
from tests.mapping.laid import NAME, SHIPPED, laid, said

MAPPINGS = load_mappings([SHIPPED])
REVERSE = "anthropic-messages/openai-chat"
LOUD = '[option.loud]\ntype = "boolean"\ndefault = false\n'


def fields(name: str, **options: Any) -> dict[str, Any]:
    mapping = MAPPINGS.mappings[name]
    return dict(mapping.effective(mapping.example(), None, options).request.fields)


def test_a_rule_is_there_only_where_the_option_is_so() -> None:
    assert "top_k" not in fields(REVERSE)
    assert "top_k" in fields(REVERSE, send_top_k=True)
    assert "max_tokens" in fields(REVERSE, max_tokens_field="max_tokens")
    assert "max_completion_tokens" not in fields(REVERSE, max_tokens_field="max_tokens")
    newer = fields(REVERSE, max_tokens_field="max_completion_tokens")
    assert "max_tokens" not in newer and "max_completion_tokens" in newer


def test_what_only_that_rule_reads_is_read_by_nobody(tmp_path: Path) -> None:
    rule = '[accept]\nloudness = "string"\n[field.shout]\nfrom = "loudness"\nwhen = { "$option.loud" = true }\n'
    site = laid(tmp_path, {"mapping.toml": LOUD, "request.toml": rule})
    mapping = load_mappings([SHIPPED, site]).mappings[NAME]
    known = [
        mapping.effective(mapping.example(), None, {"loud": loud}).request.known
        for loud in (False, True)
    ]
    assert [("loudness" in names) for names in known] == [False, True]


@pytest.mark.parametrize(
    ("condition", "there"),
    [
        ('when = { "$option.word" = "a" }', True),
        ('when = { "$option.word" = ["b", "a"] }', True),
        ('when = { "$option.word" = ["b"] }', False),
        ('when = { "$option.word" = "$present" }', True),
        ('when = { "$option.word" = "$absent" }', False),
        ('unless = { "$option.word" = "a" }', False),
        ('unless = { "$option.word" = "b" }', True),
        ('when = { "$option.word" = "a", stream = true }', True),
        ('when = { "$option.word" = "$alias" }', True),  # not known before there is a request
    ],
)
def test_the_forms_of_a_condition(condition: str, there: bool, tmp_path: Path) -> None:
    option = '[option.word]\ntype = "string"\ndefault = "a"\n'
    rule = f"[field.mine]\nvalue = 3\n{condition}\n"
    site = laid(tmp_path, {"mapping.toml": option, "request.toml": rule})
    mapping = load_mappings([SHIPPED, site]).mappings[NAME]
    made = dict(mapping.effective(mapping.example()).request.fields)
    assert ("mine" in made) is there


def test_a_slip_in_a_rule_that_is_off_is_told(tmp_path: Path) -> None:
    rule = '[field.mine]\nfrom = "user"\nas = "lits"\nwhen = { "$option.auto_cache" = true }\n'
    (line,) = said(laid(tmp_path, {"request.toml": rule}))
    assert line.startswith(f"mine/{NAME}/request.toml:3: field.mine.as: no verb")


def test_a_row_of_rest_may_ask_for_options_only(tmp_path: Path) -> None:
    row = '[rest.seed]\npolicy = "reject"\nwhen = { stream = true }\n'
    (line,) = said(laid(tmp_path, {"request.toml": row}))
    assert line.endswith('rest.seed: "stream": a row here may ask for options only')


# ---------------------------------------------------------------- traits that are options now
WAS = [(name, trait) for name, m in MAPPINGS.mappings.items() for trait in m.was_traits]


@pytest.mark.parametrize(("name", "trait"), WAS)
def test_an_alias_that_names_the_trait_gets_the_option(name: str, trait: str) -> None:
    mapping = MAPPINGS.mappings[name]
    option, value = mapping.was_traits[trait]
    assert value in words_of(mapping.known_options[option])
    options, traits = mapping.own({}, [trait])
    tables = mapping.effective(mapping.example(), None, options, traits)
    assert tables.option[option] == value
    assert tables.request.known == mapping.effective("", None, {option: value}).request.known


def test_a_model_row_that_names_it_too(tmp_path: Path) -> None:
    row = '[model.opus-4-1]\nmore_traits = ["auto-cache"]\n'
    site = laid(tmp_path, {"models.toml": row})
    assert said(site) == []
    mapping = load_mappings([SHIPPED, site]).mappings[NAME]
    assert mapping.effective("claude-opus-4-1").option["auto_cache"] is True
    assert mapping.effective("claude-opus-5").option["auto_cache"] is False


def test_a_trait_of_that_name_in_a_site_is_told(tmp_path: Path) -> None:
    text = '[request.field.cache_control.first.auto]\nvalue = { type = "ephemeral", ttl = "1h" }\n'
    (line,) = said(laid(tmp_path, {"traits/auto-cache.toml": text}))
    assert line == (
        f"mine/{NAME}/traits/auto-cache.toml:1: no trait any more but the option auto_cache:"
        " lay yours over the rules that ask for it"
    )


def test_bringing_back_what_an_option_decides_is_told(tmp_path: Path) -> None:
    rule = "# on for all\n[field.cache_control.first.auto]\ndrop = false\n"
    (line,) = said(laid(tmp_path, {"request.toml": rule}))
    assert line == (
        f"mine/{NAME}/request.toml:3: field.cache_control.first.auto.drop: its condition asks for"
        " $option.auto_cache, which says whether it is there: take this line out, and see [option.*]"
        " in mapping.toml"
    )


def test_taking_away_what_an_option_decides_is_told(tmp_path: Path) -> None:
    """It was no loss when a trait brought such a rule back; now the option could not."""
    rule = "[field.cache_control.first.auto]\ndrop = true\n"
    trait = "[request.field.cache_control.first.auto]\ndrop = false\n"
    site = laid(tmp_path, {"request.toml": rule, "traits/mine.toml": trait})
    told = said(site)
    assert [line.split(": ")[0] for line in told] == [
        f"mine/{NAME}/request.toml:2",
        f"mine/{NAME}/traits/mine.toml:2",
    ]
    assert all("$option.auto_cache" in line for line in told)


@pytest.mark.parametrize("policy", ["reject", "warn"])
def test_a_policy_of_one_word_keeps_the_conditions_of_the_row_below(
    policy: str, tmp_path: Path
) -> None:
    site = laid(tmp_path, {"request.toml": f'[rest]\nverbosity = "{policy}"\n'})
    assert said(site) == []
    mapping = load_mappings([SHIPPED, site]).mappings[NAME]
    heard = mapping.effective("claude-opus-5", None, {"verbosity": "say"})
    assert "verbosity" not in heard.request.rest
    assert mapping.effective("claude-opus-5").request.rest["verbosity"].policy == policy


def test_a_trait_may_bring_back_what_the_tables_take_away(tmp_path: Path) -> None:
    files = {
        "request.toml": "[field.top_k]\ndrop = true\n",
        "traits/mine.toml": "[request.field.top_k]\ndrop = false\n",
    }
    site = laid(tmp_path, files)
    assert said(site) == []
    mapping = load_mappings([SHIPPED, site]).mappings[NAME]
    model = mapping.example()
    assert "top_k" not in dict(mapping.effective(model).request.fields)
    assert "top_k" in dict(mapping.effective(model, None, None, ["mine"]).request.fields)
