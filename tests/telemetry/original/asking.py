"""A page of metrics, as samples that can be looked for by some of their labels."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families


class Sample(NamedTuple):
    name: str
    labels: dict[str, str]
    value: float


def samples(page: str) -> list[Sample]:
    """As Prometheus's own parser reads it."""
    return [
        Sample(one.name, one.labels, one.value)
        for family in text_string_to_metric_families(page)
        for one in family.samples
    ]


def found(listed: list[Sample], name: str, **labels: str) -> list[Sample]:
    return [one for one in listed if one.name == name and labels.items() <= one.labels.items()]


def value(listed: list[Sample], name: str, **labels: str) -> float:
    """Of all that have these labels; 0 for none."""
    return sum(one.value for one in found(listed, name, **labels))
