"""Whether an event is an error: the compiled form says what the tables say rule by rule."""

from __future__ import annotations

from random import Random

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import load_mappings
from aisix.mapping.syntax.paths import Json

MAPPINGS = load_mappings([shipped_mappings()]).mappings
VALUES: list[Json] = [
    *(None, True, False, 0, 200, 429, "", "0", "error", "x", "stop", "abort", [], {}, [{}], [None]),
    *({"message": "m"}, {"status_code": 0}, {"status_code": 1002}, {"stop_reason": "error"}),
    *([{"finish_reason": "ERROR"}], [{"error": {"code": 1}}], [{"error": None}, {"error": "x"}]),
    *([{"finish_reason": "stop"}, {"finish_reason": "cancelled"}], "message_delta", "message"),
]
FIELDS = (
    *("error", "errors", "error_code", "object", "type", "choices", "base_resp", "success"),
    *("code", "message", "msg", "detail", "status", "delta", "stop_reason", "error_msg", "usage"),
)


@pytest.mark.parametrize("name", sorted(MAPPINGS))
def test_both_forms_say_the_same(name: str) -> None:
    tables = MAPPINGS[name].effective("a-model")
    assert tables.is_error.__name__ == "is_error" and tables.is_error != tables.errors.is_error
    r, errors = Random(name), 0
    for _ in range(4000):
        event = {key: r.choice(VALUES) for key in r.sample(FIELDS, r.randint(0, 4))}
        wanted = tables.errors.is_error(event)
        assert tables.is_error(event) is wanted, event
        errors += wanted
    assert 400 < errors < 3900
