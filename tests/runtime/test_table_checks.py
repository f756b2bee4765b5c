"""After a reload everything is checked with what time is left, and what that finds is told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from aisix.errors import Complaint
from aisix.mapping.mappings import load_mappings
from aisix.mapping.parse.files import read_folders
from aisix.proxy.tables import Tables
from aisix.runtime import table_checks
from aisix.runtime.table_checks import Afterwards, Checked, checked, warnings_at_start
from aisix.workers.generation import Generation
from tests.mapping.laid import SHIPPED, laid

FAULT = Complaint("site/a.toml:3", "field.x", "is wrong")


class Stage:
    """A gateway that serves tables of one digest, and a check that is not made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mappings = SimpleNamespace(digest="0a", folders=(), mappings={}, differs={})
        self.settings = SimpleNamespace(data_dir=Path("data"))
        self.counted: list[tuple[str, ...]] = []
        self.metrics = SimpleNamespace(add=lambda *words: self.counted.append(words))
        self.generation = Generation()
        self.tables = Tables(self.mappings, self.generation)  # type: ignore[arg-type]
        self.began: list[object] = []
        self.found: list[Complaint] = []
        self.bugs: list[dict[str, Any]] = []
        self.warnings: list[Complaint] = []
        self.again: list[str] = []
        self.go = asyncio.Event()
        monkeypatch.setattr(table_checks, "LEFT_BE", 0.0)
        monkeypatch.setattr(table_checks, "checked", self._checked)
        self.afterwards = Afterwards(self, self.generation, self.again.append)  # type: ignore[arg-type]

    async def _checked(self, folders: object, *_: Any, thorough: bool) -> Checked:
        assert thorough
        self.began.append(folders)
        await self.go.wait()
        return Checked(self.found, self.bugs, self.warnings)

    @property
    def told(self) -> dict[str, Any]:
        return dict(self.tables.status()["thorough_check"])

    async def ended(self) -> None:
        self.go.set()
        task = self.afterwards._task
        assert task is not None
        await asyncio.wait([task])


def test_what_it_finds_is_told_in_status_log_and_counter(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        stage = Stage(monkeypatch)
        stage.tables.note({"ok": True, "by": "admin"}, "ff")
        assert stage.told == {"ok": None}
        stage.found = [FAULT]
        stage.afterwards.begin(())
        await stage.ended()
        assert (stage.told["ok"], stage.told["faults"]) == (False, [str(FAULT)])
        assert stage.counted == [("aisix_reloads_total", "thorough check", "failed")]
        assert stage.tables.status()["last_reload"] == {"ok": True, "by": "admin"}
        assert stage.tables.good() == "ff"
        stage.found = []
        stage.afterwards.begin(())
        await stage.ended()
        assert stage.told["ok"] is True
        stage.tables.note({"ok": True, "by": "watch"}, "ff")  # a reload that changed nothing
        assert stage.told["ok"] is True
        stage.mappings.digest = "0b"  # it is of other tables
        assert stage.told == {"ok": None}

    asyncio.run(run())
    assert f"thoroughly checked: {FAULT}" in caplog.text


def test_a_further_reload_ends_it_and_tables_that_serve_no_more_are_not_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def run() -> None:
        stage = Stage(monkeypatch)
        stage.afterwards.begin(("first",))  # type: ignore[arg-type]
        while not stage.began:
            await asyncio.sleep(0)
        stage.afterwards.begin(("second",))  # type: ignore[arg-type]
        await stage.ended()
        assert stage.began == [("first",), ("second",)]
        assert len(stage.counted) == 1
        stage.afterwards.begin()  # a reload that changed nothing: it is done
        assert stage.began == [("first",), ("second",)]
        stage.go.clear()
        stage.afterwards.begin(("third",))  # type: ignore[arg-type]
        while len(stage.began) < 3:
            await asyncio.sleep(0)
        stage.afterwards.close()  # a reload begins, which is refused
        stage.afterwards.begin()
        while len(stage.began) < 4:
            await asyncio.sleep(0)
        assert stage.began[2:] == [("third",), ("third",)]
        stage.mappings.digest = "0b"  # another worker has reloaded
        await stage.ended()
        assert len(stage.counted) == 1

    asyncio.run(run())


def test_a_check_that_takes_too_long_or_finds_something_says_so(tmp_path: Path) -> None:
    folders = read_folders(
        [SHIPPED, laid(tmp_path, {"request.toml": '[field.x]\nform = "model"\n'})]
    )
    (late,), *_ = asyncio.run(checked(folders, tmp_path, 0.001))
    assert "took longer" in late.text
    found, *_ = asyncio.run(checked(folders, tmp_path, 60))
    assert any('did you mean "from"' in one.text for one in found)


def test_where_both_forms_differ_one_more_reload_lets_the_rules_serve(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        stage = Stage(monkeypatch)
        stage.bugs = [{"text": "bug in aisix", "mapping": "a/b", "parts": ["stream"]}]
        stage.afterwards.begin(())
        await stage.ended()
        assert (stage.told["ok"], stage.told["bugs"]) == (True, ["bug in aisix"])
        assert stage.again == ["thorough check"]
        stage.mappings.differs = {"a/b": ["request", "stream"]}  # they do
        stage.afterwards.begin(())
        await stage.ended()
        assert stage.again == ["thorough check"]

    asyncio.run(run())
    assert caplog.text.count("bug in aisix") == 2


DEAD = {"errors.toml": '[upstream.overloaded]\nmessage = "wait"\nlongest = 30\n'}


def test_a_key_that_changes_nothing_refuses_nothing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [SHIPPED, laid(tmp_path, DEAD)]
    found, _, (warning,) = asyncio.run(checked(read_folders(folders), tmp_path, 60))
    assert found == []
    assert warning.where.endswith("errors.toml:3")
    mappings = load_mappings(folders)
    assert warnings_at_start(mappings) == [str(warning)]
    assert f"the tables: {warning}" in caplog.text
    monkeypatch.setattr(table_checks, "found_dead", lambda *_, **__: 1 // 0)
    assert warnings_at_start(mappings) == []  # a bug there keeps nobody from starting
    assert "bug in the check" in caplog.text


def test_what_the_thorough_check_finds_of_such_keys_is_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def run() -> None:
        stage = Stage(monkeypatch)
        stage.warnings = [FAULT, Complaint("site/a.toml:9", "field.y", "changes nothing")]
        stage.tables.note({"ok": True}, "ff", [str(FAULT)])
        stage.tables.note({"ok": False}, "")  # a reload that is refused leaves them as they are
        assert stage.tables.warnings() == [str(FAULT)]
        stage.afterwards.begin(())
        await stage.ended()
        assert stage.told["ok"] is True
        assert stage.tables.warnings() == [str(one) for one in stage.warnings]

    asyncio.run(run())
    assert "field.y" in caplog.text
    assert str(FAULT) not in caplog.text
