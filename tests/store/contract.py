"""What every store does, whatever holds its content: the suite a new implementation must pass.

A subclass says how one is opened, and how its content is changed (`put`): through `update`, or by
whoever writes the source, followed by `reload`.
"""

from __future__ import annotations

import multiprocessing
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from aisix.errors import AisixError
from aisix.store.base import Change, ChangeRefused, Put, Store
from aisix.store.resources import ApiKey
from aisix.store.snapshot import Snapshot

Item = tuple[str, str, dict[str, Any]]  # kind, id, document

KEY: Item = (
    "provider_keys",
    "pk",
    {"display_name": "prod", "provider": "anthropic", "secret": "sk-the-secret-of-a-provider"},
)
MODEL: Item = (
    "models",
    "small",
    {
        "display_name": "small",
        "provider": "anthropic",
        "model_name": "m-1",
        "provider_key_id": "pk",
    },
)
WILD: Item = (
    "models",
    "wild",
    {**MODEL[2], "display_name": "claude-*", "model_name": "claude-x-*"},
)
CALLER: Item = (
    "apikeys",
    "ci",
    {"display_name": "ci", "key_hash": "0" * 64, "allowed_models": ["small", "claude-*"]},
)
ALL = (KEY, MODEL, WILD, CALLER)


class Contract(ABC):
    """`self.folder` is fresh for each test."""

    folder: Path

    @pytest.fixture(autouse=True)
    def _fresh(self, tmp_path: Path) -> None:
        self.folder = tmp_path

    @abstractmethod
    def open(self) -> Store:
        """A store over the folder, as each process opens its own."""

    @abstractmethod
    def put(self, store: Store, items: Sequence[Item]) -> None:
        """Make these the whole content, acknowledged, through this store."""

    def source_is_named(self, store: Store) -> bool:
        """Whether `source` says where the content comes from."""
        return store.source.startswith(str(self.folder))

    def mute(self, store: Store) -> None:
        """What is put through this store is announced to nobody."""
        store._signal.give = lambda: None  # type: ignore[attr-defined]

    # ------------------------------------------------------------------ reading
    def test_a_fresh_store_is_empty(self) -> None:
        store = self.open()
        assert store.current().counts() == {"provider_keys": 0, "models": 0, "apikeys": 0}
        assert store.trouble is None
        assert self.source_is_named(store)

    def test_what_was_put_is_found_by_every_way(self) -> None:
        store = self.open()
        self.put(store, ALL)
        now = store.current()
        key = now.provider_key("pk")
        assert key is not None
        assert key.secret == "sk-the-secret-of-a-provider"
        small, wild = now.model("small"), now.model("claude-9")
        assert small is not None and small.model_name == "m-1"
        assert wild is not None and wild.model_name == "claude-x-9"
        caller = now.api_key("0" * 64)
        assert caller is not None and caller.may_use("small") and not caller.may_use("other")
        assert [e.id for e in now.entries("models")] == ["small", "wild"]

    def test_a_snapshot_never_changes(self) -> None:
        store = self.open()
        self.put(store, ALL)
        before = store.current()
        self.put(store, [KEY])
        assert before.model("small") is not None
        assert store.current().model("small") is None

    def test_without_a_change_the_snapshot_is_the_same_object(self) -> None:
        store = self.open()
        self.put(store, ALL)
        before = store.current()
        store.poll()
        assert store.current() is before
        assert store.reload() is before

    def test_revisions_grow_and_only_what_changed_gets_a_new_one(self) -> None:
        store = self.open()
        self.put(store, [KEY, MODEL])
        first = store.current()
        self.put(store, [KEY, (*MODEL[:2], {**MODEL[2], "model_name": "m-2"})])
        second = store.current()
        assert second.revision > first.revision
        for kind, id, grows in (("provider_keys", "pk", False), ("models", "small", True)):
            old, new = first.entry(kind, id), second.entry(kind, id)
            assert old is not None and new is not None
            assert (new.revision > old.revision) is grows
            assert new.created_at == old.created_at

    def test_it_is_all_there_after_it_was_opened_again(self) -> None:
        store = self.open()
        self.put(store, ALL)
        before = store.current()
        store.close()
        again = self.open().current()
        assert again.revision == before.revision
        assert [e.envelope() for e in again.all_entries()] == [
            e.envelope() for e in before.all_entries()
        ]

    # ------------------------------------------------------------------ the others
    def test_another_one_sees_a_change_with_its_next_look(self) -> None:
        mine, other = self.open(), self.open()
        for number in range(20):
            self.put(mine, [KEY, (*MODEL[:2], {**MODEL[2], "model_name": f"m-{number}"})])
            seen = other.current().model("small")
            assert seen is not None and seen.model_name == f"m-{number}"

    def test_another_process_sees_a_change_with_its_next_look(self) -> None:
        mine = self.open()
        self.put(mine, [KEY])
        ask, answer = multiprocessing.Pipe()
        process = multiprocessing.get_context("spawn").Process(target=self._look, args=(answer,))
        process.start()
        try:
            for number in range(10):
                self.put(mine, [KEY, (*MODEL[:2], {**MODEL[2], "model_name": f"m-{number}"})])
                ask.send("look")
                assert ask.poll(20)
                assert ask.recv() == f"m-{number}"
        finally:
            ask.send("stop")
            process.join(20)
        assert process.exitcode == 0

    def _look(self, pipe: Any) -> None:
        store = self.open()
        while pipe.recv() == "look":
            found = store.current().model("small")
            pipe.send(None if found is None else found.model_name)

    def test_who_watches_is_told_of_every_change_whoever_made_it(self) -> None:
        mine, other = self.open(), self.open()
        told: list[Snapshot] = []
        told_again: list[Snapshot] = []
        leave = mine.watch(told.append)
        mine.watch(lambda snapshot: told_again.append(mine.current()))  # may look while told
        self.put(mine, [KEY])
        assert [s.revision for s in told] == [mine.current().revision]
        self.put(other, [KEY, MODEL])
        mine.current()
        assert len(told) == 2
        assert told[-1].model("small") is not None
        assert told_again == told
        leave()
        self.put(other, [KEY])
        mine.current()
        assert len(told) == 2

    def test_poll_finds_a_change_nobody_announced(self) -> None:
        mine, other = self.open(), self.open()
        self.mute(other)
        self.put(other, [KEY])
        mine.poll()
        assert mine.current().provider_key("pk") is not None

    def test_looks_from_many_threads_are_whole(self) -> None:
        store, writer = self.open(), self.open()
        self.put(writer, [KEY, MODEL])
        stop = threading.Event()
        wrong: list[object] = []

        def look() -> None:
            while not stop.is_set():
                now = store.current()
                small = now.model("small")
                if small is None or now.provider_key(small.provider_key_id) is None:
                    wrong.append(now)

        threads = [threading.Thread(target=look) for _ in range(3)]
        for thread in threads:
            thread.start()
        for number in range(10):
            key = (KEY[0], f"pk-{number}", {**KEY[2], "display_name": f"prod-{number}"})
            model = (*MODEL[:2], {**MODEL[2], "provider_key_id": f"pk-{number}"})
            self.put(writer, [key, model])
        stop.set()
        for thread in threads:
            thread.join(10)
        assert wrong == []

    # ------------------------------------------------------------------ writing
    def test_writers_at_once_lose_nothing(self) -> None:
        """Each adds a letter to one text, many times: every plan is made on what is there then."""
        first, second = self.open(), self.open()
        if not first.writable:
            pytest.skip("it is written elsewhere")
        self.put(first, [KEY, MODEL])

        def add(store: Store, letter: str) -> None:
            def plan(now: Snapshot) -> Sequence[Change]:
                old = now.entry("models", "small")
                assert old is not None
                document = {**old.document, "model_name": old.document["model_name"] + letter}
                return [Put("models", "small", document, None, 1)]

            for _ in range(10):
                store.update(plan)

        threads = [
            threading.Thread(target=add, args=pair) for pair in ((first, "a"), (second, "b"))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        for store in (first, second, self.open()):
            name = store.current().models_for(ApiKey("k", "0", ("*",)))[0].model_name
            assert (name.count("a"), name.count("b")) == (10, 10)

    # ------------------------------------------------------------------ refusing
    def test_a_bad_content_is_refused_whole_and_the_old_one_serves(self) -> None:
        store = self.open()
        self.put(store, [KEY, MODEL])
        before = store.current()
        bad = (*MODEL[:2], {**MODEL[2], "provider_key_id": "nobody", "modle_name": "x"})
        with pytest.raises(AisixError) as caught:
            self.put(store, [(KEY[0], "new", {**KEY[2], "display_name": "new"}), bad])
        assert "provider_key_id" in str(caught.value)
        assert 'did you mean "model_name"' in str(caught.value)
        assert store.current() is before
        assert self.open().current().revision == before.revision

    def test_a_plan_that_fails_changes_nothing(self) -> None:
        store = self.open()
        self.put(store, [KEY])
        before = store.current()

        def plan(now: Snapshot) -> Any:
            raise ChangeRefused("conflict", "no")

        with pytest.raises(ChangeRefused) as caught:
            store.update(plan)
        assert caught.value.kind == ("conflict" if store.writable else "read_only")
        assert store.current() is before

    def test_no_secret_is_in_a_file_or_a_repr(self) -> None:
        store = self.open()
        self.put(store, ALL)
        secret = "sk-the-secret-of-a-provider"
        assert secret not in repr(store.current().all_entries()) + repr(store)
        for file in self.folder.rglob("*"):
            if file.is_file() and file.suffix != ".yaml":
                assert secret.encode() not in file.read_bytes(), file
                assert file.stat().st_mode & 0o077 == 0, file
