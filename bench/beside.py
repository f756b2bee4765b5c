"""Ordinary callers beside the worst single requests: `python -m bench.beside [--only WORD]`.

One gateway with one worker, an upstream that answers at once, four ordinary callers that go on all
the time; beside them, one after the other, each request and answer of shapes.py. For each: its
status, the CPU of the worker it took (without the callers), and how long the others had to wait.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import multiprocessing
import tempfile
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from tabulate import tabulate

from bench import procs, shapes
from tests.running import CALLER_KEY, Running, free_port

CALLERS, PAUSE = 4, 0.005
KEY = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
ORDINARY = json.dumps({"model": "plain", "messages": [{"role": "user", "content": "hi"}]}).encode()


# ---------------------------------------------------------------- the upstream
def upstream(port: int) -> None:
    """Answers by the first word of the path: a number of ANSWERS, or "plain"."""
    kinds = list(shapes.ANSWERS.items())
    last: dict[str, bytes] = {}  # the one huge answer that was made last: it is asked for again
    plain = shapes.answer(b"[" + shapes.TEXT + b"]")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError):
                break
            lines = head.lower().split(b"\r\n")
            length = next(int(x[15:]) for x in lines if x.startswith(b"content-length:"))
            while length > 0:
                length -= len(await reader.read(min(length, 1 << 20)))
            word = head.split(b"/")[1].decode()
            status, body, kind = 200, plain, "application/json"
            if word.isdigit():
                name, (status, made) = kinds[int(word)]
                if word not in last:
                    last.clear()
                    last[word] = made()
                body = last[word]
                kind = "text/event-stream" if name.startswith("stream") else kind
            said = f"HTTP/1.1 {status} x\r\ncontent-type: {kind}\r\n"
            said += f"content-length: {len(body)}\r\n\r\n"
            try:
                writer.write(said.encode() + body)
                await writer.drain()
            except ConnectionError:
                break
        writer.close()

    async def main() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", port, limit=1 << 22)
        await server.serve_forever()

    asyncio.run(main())


# ---------------------------------------------------------------- the callers
class Callers:
    """In a process of their own, so that nothing but the gateway makes them wait."""

    def __init__(self, port: int) -> None:
        self._pipe, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=call_on, args=(port, theirs), daemon=True)

    def __enter__(self) -> Callers:
        self._process.start()
        self._pipe.recv()
        return self

    def __exit__(self, *error: object) -> None:
        self._pipe.send(False)
        self._process.join()

    def so_far(self) -> list[float]:
        """How long each request since the last look took, in milliseconds, the shortest first."""
        self._pipe.send(True)
        taken: list[float] = self._pipe.recv()
        return taken


def call_on(port: int, pipe: Connection) -> None:
    taken: list[float] = []
    stop = threading.Event()

    def run() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            began = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", ORDINARY, KEY)
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            taken.append((time.perf_counter() - began) * 1000)
            time.sleep(PAUSE)
        connection.close()

    threads = [threading.Thread(target=run) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    pipe.send(True)
    while pipe.recv():
        found, taken[:] = sorted(taken), []
        pipe.send(found)
    stop.set()


def ask(port: int, body: bytes) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        connection.request("POST", "/v1/chat/completions", body, KEY)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != 200:
            return answer.status, json.loads(found)["error"]["message"][:60]
        return 200, "error in the stream" if b'"error"' in found[-2000:] else ""
    except (OSError, http.client.HTTPException) as error:
        return 0, type(error).__name__
    finally:
        connection.close()


def beside(port: int, pid: int, body: bytes, rounds: int) -> list[Any]:
    before = procs.cpu(pid)
    status, word = ask(port, body)
    cost = procs.cpu(pid) - before
    with Callers(port) as others:
        time.sleep(0.1)
        others.so_far()
        for _ in range(rounds):
            ask(port, body)
            time.sleep(0.05)
        taken = others.so_far()
    at = [taken[min(len(taken) - 1, int(len(taken) * part))] for part in (0.5, 0.99, 1)]
    return [f"{len(body) / 1e6:.2f}", status, f"{cost:.2f}", *(f"{ms:.1f}" for ms in at), word]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.beside", description=__doc__)
    parser.add_argument("--only", default="", help="shapes with this word in their name")
    parser.add_argument("--rounds", type=int, default=3, help="of each shape (default 3)")
    parser.add_argument("--http", default="fast", choices=("fast", "tornado"))
    given = parser.parse_args()
    ports = free_port(), free_port()  # of the ordinary answers, and of the huge ones
    peers = [multiprocessing.Process(target=upstream, args=(p,), daemon=True) for p in ports]
    for peer in peers:
        peer.start()
    url, huge = (f"http://127.0.0.1:{port}" for port in ports)
    rows = []
    more = {"proxy": {"http": given.http}, "upstream": {"retries": 0, "cooldown_secs": 0}}
    with (
        tempfile.TemporaryDirectory() as folder,
        Running(Path(folder), more) as gateway,
    ):
        model = {"model_name": "claude-opus-5-5"}
        gateway.set_up(f"{url}/plain", {"plain": model, "strict": {**model, "strict": True}})
        names = list(shapes.ANSWERS)
        for number in range(len(names)):
            gateway.set_up(f"{huge}/{number}", {f"a{number}": model}, display_name=f"k{number}")
        gateway.allow("plain", "strict", *(f"a{number}" for number in range(len(names))))
        where = gateway.proxy_port, gateway.worker_pids[0]
        rows.append(["(none)", *beside(*where, ORDINARY, 20)])
        print(rows[-1], flush=True)
        for name, made in shapes.REQUESTS.items():
            if given.only in name:
                rows.append([name, *beside(*where, made(), given.rounds)])
                print(rows[-1], flush=True)
        for number, name in enumerate(names):
            if given.only in name:
                extra = {"stream": True} if name.startswith("stream") else {}
                body = shapes.asked(b'"hi"', f"a{number}")
                if extra:
                    body = body[:-1] + b',"stream":true}'
                rows.append(["answer: " + name, *beside(*where, body, given.rounds)])
                print(rows[-1], flush=True)
        if gateway.bugs:
            print(*gateway.bugs, sep="\n")
    for peer in peers:
        peer.terminate()
    heads = ["shape", "MB", "status", "CPU s", "others p50", "p99", "max ms", ""]
    print(tabulate(rows, heads, disable_numparse=True))


if __name__ == "__main__":
    main()
