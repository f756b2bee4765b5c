"""What the gateway itself raises and asks for is declared, in one place each."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from aisix.mapping.grammar.caller import RAISED
from aisix.mapping.parse.options import OF_GATEWAY
from tests.mapping.laid import shipped
from tests.running import ROOT

ERRORS = ("CallerError", "UpstreamError", "Fault")
ROOMS = ("mapping", "proxy", "upstream", "listener", "limits", "routing")
FILES = [file for room in ROOMS for file in (ROOT / "aisix" / room).rglob("*.py")]


def _calls() -> Iterator[tuple[ast.expr, str]]:
    """(what is called, the text it is given first) of all that the gateway runs."""
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
                yield node.func, str(node.args[0].value)


def test_every_fault_that_is_raised_by_name_is_declared() -> None:
    raised = {kind for call, kind in _calls() if isinstance(call, ast.Name) and call.id in ERRORS}
    assert raised and raised <= RAISED


def test_every_declared_fault_is_somebody_s() -> None:
    words = "".join(file.read_text() for file in [*FILES, ROOT / "aisix/store/resources.py"])
    declared = (ROOT / "aisix/mapping/grammar/caller.py").read_text()
    idle = [k for k in RAISED if words.count(f'"{k}"') == declared.count(f'"{k}"')]
    assert not idle
    for path, text in shipped().files.items():
        if path.endswith("/caller.toml"):
            assert not [kind for kind in RAISED if f"[fault.{kind}]" not in text.decode()]


def test_every_option_that_the_gateway_asks_for_is_declared() -> None:
    asked = {
        name
        for call, name in _calls()
        if isinstance(call, ast.Attribute) and ast.unparse(call).endswith("facts.option.get")
    }
    assert asked == {*OF_GATEWAY}
