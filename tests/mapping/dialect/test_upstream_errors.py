"""Every shipped mapping says which of its upstream's errors may be tried again."""

from __future__ import annotations

import pytest

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import load_mappings

MAPPINGS = load_mappings([shipped_mappings()])
HERE = (408, 409, 429, 500, 502, 503, 504)
ELSEWHERE = (401, 403)
NEVER = (400, 413, 422)


@pytest.mark.parametrize("name", sorted(MAPPINGS.mappings))
def test_errors_that_may_be_tried_again_are_marked(name: str) -> None:
    errors = MAPPINGS.mappings[name].effective("a-model").errors
    said = {status: errors.retry(status, {}, None) for status in (*HERE, *ELSEWHERE, *NEVER)}
    assert said == {
        **dict.fromkeys(HERE, "here"),
        **dict.fromkeys(ELSEWHERE, "elsewhere"),
        **dict.fromkeys(NEVER, ""),
    }
