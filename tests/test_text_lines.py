"""Lines of text: what is in them, and that nothing breaks them."""

from __future__ import annotations

import pytest

from aisix.text_lines import NAMES, access, line


def test_fields_stand_in_the_originals_order_and_ours_behind_them() -> None:
    record = {
        "request_id": "r-1",
        "remote": "::1",
        "method": "GET",
        "path": "/v1/models",
        "status": 200,
        "ms": 12.6,
        "alias": "small",
        "attempts": 2,
        "tokens": {"reasoning": 4},
        "tokens_estimated": True,
    }
    assert access(record) == (
        'proxy request completed method="GET" path="/v1/models" status=200 latency_ms=12 '
        'model="small" request_id="r-1" routing_attempt_count=2 '
        'remote="::1" tokens_estimated=true tokens.reasoning=4'
    )
    assert [*NAMES][:4] == ["method", "path", "status", "latency_ms"]


@pytest.mark.parametrize("text", ["a\nb", "a\r\x00\x1b[2J", '" status=200', "\u2028\x85\x9b\x7f"])
def test_no_text_breaks_a_line_or_ends_its_quotes(text: str) -> None:
    made = line("words", {"a": text, "b": 1})
    assert len(made.splitlines()) == 1 and made.isascii()
    assert made.startswith('words a="') and made.endswith('" b=1')
    assert made.count('"') - made.count('\\"') == 2


def test_what_is_not_known_is_left_out() -> None:
    assert line("words", {"a": None, "b": 0, "c": ""}) == 'words b=0 c=""'
