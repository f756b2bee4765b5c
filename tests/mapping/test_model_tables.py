"""The compiled forms of a model's tables are made when they are first asked for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from aisix.config.shipped import shipped_mappings
from aisix.mapping.mappings import load_mappings
from tests.mapping.laid import laid

COMPILER = "aisix.mapping.compile.request"
CHECK = """
from aisix.cli.main import main
assert main(["mappings", "check", {site!r}, "--no-cache", "--no-cases"]) == 0
"""
LOADED = "import sys; print([n for n in ({names}) if n in sys.modules])"
OTHERS = (COMPILER, "asyncio", "tornado", "pycurl", "tabulate", "yaml", "voluptuous",
          "aisix.admin", "aisix.routing", "aisix.mapping.editor")  # fmt: skip


def in_a_process(*lines: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_compiler_is_imported_when_a_form_is_asked_for_and_by_a_gateway_before() -> None:
    known = LOADED.format(names=f"'{COMPILER}',")
    tables = "from aisix.mapping.model_tables import preload"
    assert in_a_process(tables, known, "preload()", known).split() == ["[]", f"['{COMPILER}']"]


def test_a_check_imports_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    site = laid(tmp_path, {"values.toml": '[stop_reason]\nrefusal = "stop"\n'})
    said = in_a_process(
        CHECK.format(site=str(site)), LOADED.format(names=", ".join(map(repr, OTHERS)))
    )
    assert said.splitlines()[-1] == "[]"


def test_a_form_is_made_once() -> None:
    (mapping, *_) = load_mappings([shipped_mappings()]).mappings.values()
    tables = mapping.effective(mapping.example())
    for name in ("forms", "answers", "is_error"):
        assert name not in vars(tables)
        assert getattr(tables, name) is getattr(tables, name)
