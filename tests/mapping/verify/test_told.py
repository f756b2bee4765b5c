"""What of a check's findings is told."""

from __future__ import annotations

from aisix.errors import Complaint
from aisix.mapping.verify.told import told

WRONG = Complaint("mine/a/b/request.toml:3", "field.x.find.in", "no field (one of: a, b)")


def idle(path: str, file: str = "request", line: int = 4) -> Complaint:
    return Complaint(f"mine/a/b/{file}.toml:{line}", path, "changes nothing", idle=True)


def test_the_same_of_two_mappings_is_told_once() -> None:
    other = Complaint(WRONG.where, WRONG.path, 'no field (did you mean "a"?)')
    assert told([WRONG, other]) == [WRONG]


def test_what_comes_of_what_is_wrong_is_no_finding() -> None:
    assert told([idle("field.x"), idle("field.x.find.by"), WRONG]) == [WRONG]
    trait = Complaint("mine/a/b/traits/t.toml:3", "field.x.find.in", "no field")
    assert told([trait, idle("request.field.x.find", "traits/t")]) == [trait]


def test_what_stands_elsewhere_is_told() -> None:
    rest = [idle("field.y"), idle("field.x.when"), idle("field"), idle("field.x", "answer")]
    assert told([WRONG, *rest]) == [WRONG, *rest]
