"""kill -9 at any moment loses no acknowledged write."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.long import times
from tests.running import ROOT, Running

ROUNDS = times(40)
KEY = {"provider": "anthropic", "secret": "sk-1234567890abcdef"}


def test_a_killed_writer_loses_no_acknowledged_write(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.store.crasher", tmp_path / "data", str(ROUNDS), "7"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60 + 2 * ROUNDS
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["rounds"] == ROUNDS
    assert told["acknowledged"] > ROUNDS / 2  # else the kills came too early to mean anything


def test_a_killed_gateway_loses_no_write_it_answered(tmp_path: Path) -> None:
    pick = random.Random(7)
    answered: dict[str, int] = {}  # id -> the revision it was answered with
    deleted: set[str] = set()
    with Running(tmp_path / "gateway", workers=2) as gateway:
        for round in range(max(2, ROUNDS // 20)):
            stop = threading.Event()

            def write(lane: int, round: int, stop: threading.Event) -> None:
                for number in range(10**6):
                    id = f"r{round}-{lane}-{number}"
                    try:
                        made = gateway.admin(
                            "PUT", f"provider_keys/{id}", {**KEY, "display_name": id}
                        )
                        if made.status == 201:
                            answered[id] = made.json["revision"]
                        if number % 3 == 0:
                            answered.pop(id, None)  # from now on it may be there or not
                            if gateway.admin("DELETE", f"provider_keys/{id}").status == 200:
                                deleted.add(id)
                    except (OSError, ValueError):  # it was killed in the middle of an answer
                        pass
                    except Exception:  # http.client's: no answer, so nothing was acknowledged
                        if not stop.is_set():
                            continue
                    if stop.is_set():
                        return

            lanes = [threading.Thread(target=write, args=(n, round, stop)) for n in range(3)]
            for lane in lanes:
                lane.start()
            # The moment is what is tried here.
            time.sleep(0.1 + pick.random() * 0.4)
            stop.set()
            os.killpg(gateway.process.pid, signal.SIGKILL)
            for lane in lanes:
                lane.join(30)
            gateway.stop()
            gateway.start()
            stored = {}
            cursor = "0"
            while cursor is not None:
                page = gateway.admin("GET", f"provider_keys?limit=1000&cursor={cursor}").json
                stored |= {item["id"]: item["revision"] for item in page["items"]}
                cursor = page["next_cursor"]
            assert answered.items() <= stored.items()
            assert not deleted & stored.keys()
        assert len(answered) > 3
        assert len(deleted) > 0
