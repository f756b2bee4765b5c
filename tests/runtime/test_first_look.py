"""What is told once, before anything serves."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aisix.config.settings import load_settings
from aisix.errors import OperatorError
from aisix.runtime.first_look import alone_in_folder, open_database, tell_form


def test_a_database_that_is_made_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load_settings(None, {"AISIX_DATA_DIR": str(tmp_path / "data")})
    caplog.set_level("INFO")
    open_database(settings, False)
    assert "no database was there" in caplog.text
    caplog.clear()
    open_database(settings, False)
    assert not caplog.text


def test_the_original_form_is_told_with_what_is_not_obeyed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(
        "names: aisix\nresources_file: r.yaml\nproxy: {addr: '127.0.0.1:0'}\n"
        "admin: {enabled: false}\ncache: {backend: redis}\n"
    )
    caplog.set_level("INFO")
    tell_form(load_settings(file, {}))
    assert "names: aisix" in caplog.text and "cache" in caplog.text
    assert "max_drain_secs: 60 s" in caplog.text and "of all together: 1073741824" in caplog.text
    caplog.clear()
    tell_form(load_settings(None, {}))
    assert not caplog.text


def _is_refused(env: dict[str, str]) -> int:
    """In a process of its own, which has no lock of ours: 1 when it is, 0 when not."""
    pid = os.fork()
    if pid == 0:
        try:
            with alone_in_folder(load_settings(None, env)):
                os._exit(0)
        except OperatorError as error:
            os._exit(1 if "another gateway serves from it" in str(error) else 2)
        finally:
            os._exit(3)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_second_gateway_of_an_etcd_on_one_folder_is_refused(tmp_path: Path) -> None:
    etcd = {
        "AISIX_ETCD__ENDPOINTS": "http://127.0.0.1:9",
        "AISIX_ADMIN__ENABLED": "false",
        "AISIX_DATA_DIR": str(tmp_path),
        "AISIX_ENCRYPTION_KEY": "A" * 43 + "=",
    }
    with alone_in_folder(load_settings(None, etcd)):
        assert _is_refused(etcd) == 1
        assert _is_refused({**etcd, "AISIX_DATA_DIR": str(tmp_path / "b")}) == 0
        assert _is_refused({"AISIX_DATA_DIR": str(tmp_path)}) == 0, "ours alone may be several"
    assert _is_refused(etcd) == 0
