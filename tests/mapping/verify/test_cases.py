"""Every golden case beside the tables holds, in every cut of its stream."""

from __future__ import annotations

import pytest

from aisix.mapping.mappings import Mappings, load_mappings
from aisix.mapping.verify import cases
from aisix.mapping.verify.both_forms import both_forms_agree
from tests.running import ROOT

SHIPPED = ROOT / "mappings"
MAPPINGS: Mappings = load_mappings([SHIPPED])
ALL = [
    pytest.param(mapping, case, id=f"{name}/{case.name}")
    for name, mapping in MAPPINGS.mappings.items()
    for case in cases.find((SHIPPED,), name)
]


@pytest.mark.parametrize(("mapping", "case"), ALL)
def test_the_case_holds(mapping, case):
    assert cases.run(case, mapping) == []
    assert both_forms_agree(case, mapping) == ([], None)


@pytest.mark.parametrize(("mapping", "case"), ALL)
def test_the_case_says_why_it_is_there(mapping, case):
    assert len(case.about.get("reason", "")) > 10
