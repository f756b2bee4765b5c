"""What a model can do stands once: one mapping's models.toml is read by another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aisix.errors import OperatorError
from aisix.mapping.mappings import load_mappings
from aisix.mapping.syntax.budget import Budget
from aisix.mapping.translation import translate
from aisix.mapping.types import ResolvedModel
from tests.mapping.laid import NAME, SHIPPED, laid, said

PASSED_ON = "anthropic-messages/anthropic-messages"
MAPPINGS = load_mappings([SHIPPED])


def sent(model: str, body: dict[str, Any], mappings: Any = MAPPINGS, **options: Any) -> Any:
    tables = mappings.mappings[PASSED_ON].effective(model, None, options)
    whole = {"model": "a", "max_tokens": 10, "messages": [{"role": "user", "content": "q"}], **body}
    facts = tables.facts(ResolvedModel("a", model))
    return translate(tables, facts, whole, {}, Budget(), True, print).upstream_body


def test_a_sites_row_for_one_mapping_counts_for_both(tmp_path: Path) -> None:
    row = '[model.opus-6]\nmax_tokens = 777\ntraits = ["no-sampling", "loud"]\n'
    trait = "[request.field.top_k]\ndefault = 3\n"
    site = laid(tmp_path, {"models.toml": row, "traits/loud.toml": trait})
    mappings = load_mappings([SHIPPED, site])
    for name in (NAME, PASSED_ON):
        assert mappings.mappings[name].row_for("claude-opus-6-1") == "opus-6"
    assert mappings.mappings[NAME].effective("claude-opus-6").traits == ("no-sampling", "loud")
    assert mappings.mappings[PASSED_ON].effective("claude-opus-6").traits == ("no-sampling",)
    assert sent("claude-opus-6", {"max_tokens": 900}, mappings)["max_tokens"] == 777


def test_a_trait_of_every_model_is_left_out_where_there_is_none(tmp_path: Path) -> None:
    trait = "[request.field.top_k]\ndefault = 3\n"
    rows = '[defaults]\nmore_traits = ["loud"]\n'
    site = laid(tmp_path, {"models.toml": rows, "traits/loud.toml": trait})
    mappings = load_mappings([SHIPPED, site]).mappings
    assert "loud" in mappings[NAME].effective("claude-opus-5").traits
    assert "loud" not in mappings[PASSED_ON].effective("claude-opus-5").traits


def test_a_name_of_a_sites_own_may_have_a_row(tmp_path: Path) -> None:
    row = '[model.ours]\nmatch = ["our-model"]\nmax_tokens = 5\n'
    mappings = load_mappings([SHIPPED, laid(tmp_path, {"models.toml": row})])
    assert sent("our-model-2", {}, mappings)["max_tokens"] == 5


@pytest.mark.parametrize(
    ("model", "row"),
    [
        ("claude-opus-4-5", "opus-4-5"),
        ("us.anthropic.claude-sonnet-4-6-v1:0", "opus-4-6"),
        ("claude-of-tomorrow", "opus-5-5"),
        ("our-own-deployment", "other"),
        ("glm-4.6", "other"),
    ],
)
def test_ids_that_say_something_of_the_model_and_those_that_do_not(model: str, row: str) -> None:
    assert MAPPINGS.mappings[PASSED_ON].row_for(model) == row


def test_the_option_takes_on_and_off() -> None:
    body = {"temperature": 0.5}
    for value in ("off", False):
        assert sent("claude-opus-5-5", body, fit=value)["temperature"] == 0.5
    for value in ("on", True):
        assert "temperature" not in sent("claude-opus-5-5", body, fit=value)
    with pytest.raises(OperatorError, match="expected boolean, found 'maybe'"):
        sent("claude-opus-5-5", body, fit="maybe")


def test_what_the_caller_sent_is_there_for_the_next_target() -> None:
    thinking = {"type": "enabled", "budget_tokens": 2000}
    body = {"thinking": thinking, "output_config": {"effort": "xhigh"}, "max_tokens": 9000}
    assert sent("claude-opus-5-5", body)["thinking"] == {"type": "adaptive"}
    assert sent("claude-sonnet-4-6", body)["output_config"] == {"effort": "high"}
    assert sent("claude-sonnet-4-5", body)["thinking"] == thinking
    assert body["output_config"] == {"effort": "xhigh"}


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        (
            "mapping.toml",
            'models = "openai-chat/nowhere"',
            'no models.toml in "openai-chat/nowhere"',
        ),
        ("models.toml", 'outside = "nobody"', 'no model row "nobody"'),
    ],
)
def test_complaints(file: str, line: str, complaint: str, tmp_path: Path) -> None:
    told = said(laid(tmp_path, {file: f"{line}\n"}, PASSED_ON), PASSED_ON)
    assert any(complaint in text for text in told)
