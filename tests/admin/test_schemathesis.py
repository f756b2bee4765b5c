"""Schemathesis, which knows of this gateway only its OpenAPI document, finds the document true.

Left out, because an OpenAPI schema cannot say what these checks would need to know:
- positive_data_acceptance: a name must be free, an id be there, a URL a URL.
- negative_data_rejection: what it spoils in a query is text on the wire, like what is right.
- unsupported_method, ignored_auth and their like: held by name in test_openapi and test_trust.
The requests are the same on every run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from aisix.admin import openapi
from tests.long import times
from tests.running import ADMIN_KEY, Running, send

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = times(20)  # of each operation, as the schema wants them and as it does not
RELOADS = 2  # each takes seconds, and has nothing to vary
SCHEMA = schemathesis.openapi.from_dict(openapi.document())
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
THERE = {
    "provider_keys": {"display_name": "mine", "provider": "anthropic", "secret": "sk-1234567890"},
    "models": {"display_name": "mine", "provider": "anthropic", "model_name": "m", "provider_key_id": "mine"},
    "apikeys": {"key_hash": "0" * 64, "allowed_models": ["*"]},
}  # fmt: skip
MODES = list(schemathesis.GenerationMode)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("schemathesis")) as running:
        yield running
        assert not running.bugs


def test_the_document_tried_here_is_the_one_served(gateway: Running) -> None:
    served = send(gateway.admin_port, "GET", "/admin/openapi.json").json
    assert served == openapi.document()
    methods = [m for of in served["paths"].values() for m in of if m != "parameters"]
    assert len(OPERATIONS) == len(methods)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
def test_every_answer_is_as_the_document_says(gateway: Running, operation: Any, mode: Any) -> None:
    path: str = operation.path
    seen: list[int] = []
    for kind, body in THERE.items():
        made = gateway.admin("PUT", f"{kind}/mine", body)
        assert made.status in (200, 201), made.body

    @settings(
        max_examples=RELOADS if path.endswith("reload") else EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def try_it(case: schemathesis.Case) -> None:
        if "{id}" in path and len(seen) % 2:  # else it would never meet one that is there
            case.path_parameters["id"] = "mine"
        answer = case.call_and_validate(
            base_url=f"http://127.0.0.1:{gateway.admin_port}",
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            checks=CHECKS,
            timeout=30,
        )
        seen.append(answer.status_code)

    try_it()
    assert seen
