"""The settings of the original's metrics: what they take, and what they say of anything else."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest
import voluptuous as v

from aisix.config.metrics import buckets, kind_rules, wrong_pattern
from aisix.config.settings import load_settings
from aisix.telemetry.original.clients import LOOKED_AT, ClientKinds


@pytest.mark.parametrize(
    "pattern",
    ["^internal-agent/", "billing-batcher", r"^a/\d+\.\d+ .*beta$", "https?://x", "(a|b)-bot", "é"],
)
def test_a_pattern_is_taken(pattern: str) -> None:
    assert kind_rules([{"pattern": pattern, "client": "a-b.c_d"}]) == ((pattern, "a-b.c_d"),)
    assert kind_rules(json.dumps([{"pattern": pattern, "client": "x"}])) == ((pattern, "x"),)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(", "no regular expression"),
        (r"\p{L}", "no regular expression"),  # Rust knows it
        ("(?x)a(?i)b", "no regular expression"),
        ("(a+)+$", "repeats what repeats"),
        ("(a|aa)+$", "repeats what repeats or chooses"),
        ("(a?){30}", "repeats what repeats"),
        ("(?:a{0,9}){9}b", "repeats what repeats"),
        (".*a.*b.*c", "at most 2"),
        ("a?" * 9, "at most 8"),
        ("a+b" * 9, "at most 8"),
    ],
)
def test_a_pattern_that_python_does_not_take_or_that_may_take_for_ever_is_refused(
    pattern: str, why: str
) -> None:
    assert why in wrong_pattern(pattern)
    with pytest.raises(v.Invalid, match="rule 0: pattern: "):
        kind_rules([{"pattern": pattern, "client": "x"}])


@pytest.mark.parametrize("pattern", [".*a.*b", "a*a*$", "(ab)+(ba)+!", r"(\w+).*!"])
def test_the_worst_that_is_taken_is_bounded(pattern: str) -> None:
    assert not wrong_pattern(pattern)
    kind = ClientKinds(((pattern, "x"),))
    began = time.process_time()
    kind("ab" * LOOKED_AT)
    kind("a" * 100_000)
    assert time.process_time() - began < 5  # CPU; exponential ones would never end


@pytest.mark.parametrize(
    "rules",
    [
        "no JSON",
        {"pattern": "a", "client": "b"},
        [{"pattern": "a"}],
        [{"pattern": "a", "client": "b", "more": 1}],
        [{"pattern": "", "client": "b"}],
        [{"pattern": "é" * 257, "client": "b"}],
        [{"pattern": 1, "client": "b"}],
        [{"pattern": "a", "client": "B"}],
        [{"pattern": "a", "client": "-b"}],
        [{"pattern": "a", "client": "b" * 65}],
        [{"pattern": "a", "client": "b"}] * 65,
    ],
)
def test_other_rules_are_refused(rules: Any) -> None:
    with pytest.raises(v.Invalid):
        kind_rules(rules)


def test_buckets_are_numbers_that_grow() -> None:
    assert buckets("0.5,3") == buckets([0.5, 3]) == (0.5, 3.0)
    assert buckets(None) is buckets("") is None
    for wrong in ([], [0], [-1, 2], [1, 1], [2, 1], [math.inf], "a,b", "1,", [True], 5, [1] * 65):
        with pytest.raises(v.Invalid, match="each more than the one before"):
            buckets(wrong)


def test_whose_names_metrics_have(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("resources_file: r.yaml\n")

    def names(started: str = "", **env: str) -> str:
        return load_settings(file, env, started).metrics_names

    assert names() == "ours"
    assert names("aisix") == names(AISIX_NAMES="aisix") == "aisix"
    assert names("aisix", AISIX_METRICS_NAMES="ours") == "ours"
    assert names(AISIX_METRICS_NAMES="aisix") == "aisix"
    file.write_text("resources_file: r.yaml\nnames: ours\n")
    assert names("aisix") == "ours"
