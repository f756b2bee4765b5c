"""What a command reads of an etcd itself, and what is said when it cannot."""

from __future__ import annotations

import pytest

from aisix.cli.main import main
from tests.running import free_port


@pytest.mark.parametrize("more", [["--reveal-secrets"], ["--prefix", "/x"], ["--etcd", "10.0.0.1"]])
def test_what_is_asked_wrongly(more: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *more]) == 2
    assert "--etcd" in capsys.readouterr().err


def test_an_etcd_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "--etcd", f"http://127.0.0.1:{free_port()}"]) == 2
    assert "etcd:" in capsys.readouterr().err
