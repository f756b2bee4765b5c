"""What the tests run of the declared clients, with what pyproject.toml and package.json install.

`make clients` runs all of them, each in an environment of its own (tests/clients/runs).
"""

from __future__ import annotations

import importlib.metadata
import shutil
import sys
import sysconfig
from pathlib import Path

import pytest

from aisix.cli.use.declared import client
from tests.clients.runs.installing import Installed, npm_version, pip_version
from tests.clients.runs.trial import try_client
from tests.running import ROOT, Running

NODE = Path(__file__).parent / "node_modules"
# aider wants versions of its own of what we test with: `make` puts it into an environment apart.
AIDER = ROOT / ".venv-aider"
MISSING = "needs {} (make test installs it)"


def installed(name: str) -> Installed:
    """Where this client is; the test is skipped where it is not."""
    wanted = client(name).install
    bins = (NODE / ".bin", Path(sysconfig.get_path("scripts")))
    if name == "aider":
        libraries = next(AIDER.glob("lib/python*/site-packages"), AIDER)
        version, bins = pip_version(libraries, "aider-chat"), (AIDER / "bin",)
    elif wanted.pip:
        plain = wanted.pip[0].partition("[")[0]
        try:
            version = importlib.metadata.version(plain)
        except importlib.metadata.PackageNotFoundError:
            version = ""
    else:
        version = npm_version(NODE, wanted.npm[0]) if shutil.which("node") else ""
    if not version:
        pytest.skip(MISSING.format(", ".join(wanted.pip or wanted.npm)))
    return Installed(bins, sys.executable, None, version)


def check(name: str, gateway: Running, folder: Path) -> None:
    """It does all that it can be asked for."""
    result = try_client(name, client(name), installed(name), gateway, folder, "claude-46")
    assert result.verdicts == dict.fromkeys(client(name).run.can, "yes")
