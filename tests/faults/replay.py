"""One gateway, one upstream, the inputs of a folder one after the other.

with Replay(folder, inputs) as replay:
    replay.misses(input)      what came otherwise than it should, as sentences; empty: right
"""

from __future__ import annotations

import contextlib
import json
import re
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from aisix.standin import chat, rules
from tests.faults import outcome
from tests.faults.outcome import Outcome
from tests.faults.upstream import Received, Upstream, streamed, whole
from tests.faults.wanted import WANTED
from tests.running import CALLER_KEY, Running, send
from tests.strict import samples, sse

HERE = Path(__file__).parent
SECRET = "up-secret-oa-123456"  # of the provider keys; an answer of answers/ repeats it
PATIENCE = 8.0  # seconds without an answer that mean there is none
FOREIGN = "通义千问-latest"
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "responses": "/v1/responses",
}
OVERFLOW = "prompt is too long"
SAID = (
    "status",
    "as_status",
    "status_in",
    "text",
    "text_in",
    "thinking",
    "calls",
    "ids",
    "fresh",
    "error",
)
LEFT_OUT = re.compile(r"the key (logprobs )?is (always sent|in every chunk)|rule: created:")
COMPLETION: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1795000000,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "ok"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12},
}


@dataclass(frozen=True)
class Input:
    """A request that a caller sends (`want` is then a function of wanted.py), or an answer."""

    id: str
    path: str
    body: bytes
    upstream: str  # the dialect of the target
    model: str
    answer: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    want: Any = None

    @property
    def kind(self) -> str:
        found = re.match(r"w?\d+", self.id)
        return found[0] if found else self.id

    @property
    def caller(self) -> str:
        return next((name for name, path in PATHS.items() if path == self.path), "openai")

    def asked_by_responses(self) -> Input:
        """The same answer of the upstream to a caller of the Responses API. What is wanted of it stays,
        but for what has other words there: why it stopped, the counts, the types of errors."""
        body = {"input": "q", "stream": bool(json.loads(self.body).get("stream"))}
        want = {name: value for name, value in self.want.items() if name in SAID}
        if "error" in want:
            error = {k: v for k, v in want["error"].items() if k in ("says", "hides")}
            if OVERFLOW in error.get("says", ()):  # the words of Anthropic's callers
                error = {"code": "context_length_exceeded"}
            want["error"] = error
        made = json.dumps(body).encode()
        return replace(self, path=PATHS["responses"], body=made, want=want)


def inputs_of(folder: Path) -> list[Input]:
    """Every input below a folder, by name."""
    files = sorted(f for f in folder.rglob("*") if f.suffix in (".json", ".raw"))
    return [_input(file) for file in files]


def _input(file: Path) -> Input:
    if file.suffix == ".raw":
        return Input(
            file.stem, PATHS["openai"], file.read_bytes(), "anthropic", "claude-sonnet-4-6"
        )
    held = json.loads(file.read_text())
    if "caller" not in held:
        model = held["upstream_model"]
        dialect = "anthropic" if "claude" in model else "openai"
        body = json.dumps(held["body"]).encode()
        headers = held.get("headers", {})
        return Input(file.stem, held["path"], body, dialect, model, None, headers)
    caller, upstream = held["caller"], held["upstream"]
    dialect = "anthropic" if caller["body"]["model"].startswith("a-") else "openai"
    return Input(
        id=held["id"],
        path=caller["path"],
        body=json.dumps(caller["body"]).encode(),
        upstream=dialect,
        model=FOREIGN if upstream.get("model_name_is_non_latin") else "m",
        answer=upstream["bytes_latin1"].encode("latin-1"),
        headers=caller.get("extra_headers") or {},
        want=held["want"],
    )


class Replay:
    def __init__(self, folder: Path, inputs: list[Input], **config: Any) -> None:
        self.folder, self.inputs, self.config = folder, inputs, config

    def __enter__(self) -> Replay:
        self._open = contextlib.ExitStack()
        self.upstream = self._open.enter_context(Upstream())
        self.gateway = self._open.enter_context(Running(self.folder, self.config))
        self.keys = {
            "openai": self._key("openai", f"{self.upstream.url}/v1"),
            "anthropic": self._key("anthropic", self.upstream.url),
        }
        self.gateway.allow("*")
        for one in self.inputs:
            self._alias(one)
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def _key(self, provider: str, base: str) -> str:
        more = {"provider": provider, "adapter": provider, "secret": SECRET, "api_base": base}
        return self.gateway.create("provider_keys", {"display_name": provider, **more})

    def _alias(self, one: Input) -> None:
        more = {"provider": one.upstream, "provider_key_id": self.keys[one.upstream]}
        self.gateway.create("models", {"display_name": one.id, "model_name": one.model, **more})

    def ask(self, one: Input, answer: bytes | None = None, **laid: Any) -> Outcome:
        """The input's request, with `laid` over its body; `answer` in place of the input's own."""
        body = one.body
        with contextlib.suppress(ValueError):
            made = {**json.loads(body), "model": one.id, **laid}
            # What is no text in UTF-8 can only be said in escapes.
            body = json.dumps(made).encode()
        streams = b'"stream": true' in body
        self.upstream.answer = answer or one.answer or _usual(one.upstream, streams)
        self.upstream.received.clear()
        headers = {"Authorization": f"Bearer {CALLER_KEY}", "Content-Type": "application/json"}
        try:
            found = send(
                self.gateway.proxy_port, "POST", one.path, body, headers | one.headers, PATIENCE
            )
        except OSError:
            return Outcome(0, asked=len(self.upstream.received))
        out = outcome.read(found, one.caller, json.loads(body))
        out.asked = len(self.upstream.received)
        return out

    @property
    def sent(self) -> Received:
        """What reached the upstream last."""
        return self.upstream.received[-1]

    def misses(self, one: Input) -> list[str]:
        out = self.ask(one)
        if not out.status:
            return ["no answer came"]
        if one.answer is None:
            return self._of_request(one, out)
        if one.caller == one.upstream:  # passed on: what the server leaves out stays out
            out.wrong = [why for why in out.wrong if not LEFT_OUT.search(why)]
        return out.wrong + self._of_answer(one, out)

    # ------------------------------------------------------------------ requests
    def _of_request(self, one: Input, out: Outcome) -> list[str]:
        found = list(out.wrong)
        if out.asked:
            found += refusals(self.sent, one.upstream)
        if one.id not in WANTED:
            return found if out.status == 200 or out.status == 400 else [*found, f"{out.status}"]
        try:
            WANTED[one.id](Exchanged(self, one, out))
        except AssertionError as wrong:
            line = traceback.extract_tb(wrong.__traceback__)[-1].line
            found.append(str(wrong).split("\n")[0] or f"not so: {line}")
        except (LookupError, TypeError, ValueError) as wrong:
            found.append(f"{type(wrong).__name__}: {wrong}")
        return found

    # ------------------------------------------------------------------ answers
    def _of_answer(self, one: Input, out: Outcome) -> list[str]:
        want = one.want
        if not isinstance(want, dict):  # of a folder of somebody else's: the checkers alone
            return [] if out.error or out.ended else ["neither whole nor an error"]
        found: list[str] = []
        if "as_status" in want:
            return self._as_status(one, out, want["as_status"])
        for name in want.get("fresh", ()):  # made anew for each answer
            if getattr(self.ask(one), name) == getattr(out, name):
                found.append(f"{name}: {getattr(out, name)} again")
        for name, wanted in want.items():
            check = CHECKS.get(name, _same)
            found += check(out, name, wanted)
        if "error" not in want and not out.ended:
            found.append(f"no whole answer: {out.error}")
        if "error" in want and (out.ended or out.error is None):
            found.append("an error that looks like an answer")
        if SECRET.encode() in out.raw or b"10.0.0." in out.raw:
            found.append("a secret reached the caller")
        return found

    def _as_status(self, one: Input, out: Outcome, status: int) -> list[str]:
        """An error inside a 200 is what the same error under its own status is."""
        assert one.answer is not None
        first = one.answer.partition(b"\r\n\r\n")[2].split(b"\n")[0].removeprefix(b"data: ")
        told = whole(json.loads(first)).replace(b"200 OK", b"%d X" % status, 1)
        other = self.ask(one, told)
        pairs = {
            "status": (out.status, other.status),
            "error": (out.error, other.error),
            "asked": (out.asked, other.asked),
        }
        return [f"{k}: {a}, under status {status}: {b}" for k, (a, b) in pairs.items() if a != b]


def _same(out: Outcome, name: str, wanted: Any) -> list[str]:
    came = getattr(out, name)
    return [] if came == wanted else [f"{name}: {came!r}, not {wanted!r}"]


def _any_of(out: Outcome, name: str, wanted: Any) -> list[str]:
    came = getattr(out, name.removesuffix("_in"))
    return [] if came in wanted else [f"{name}: {came!r}"]


def _error(out: Outcome, name: str, wanted: dict[str, Any]) -> list[str]:
    """`type`: one of these; `code`: this; `says`: the message has them; `hides`: it has none."""
    error = out.error or {}
    message = str(error.get("message"))
    found = []
    if error.get("type") not in wanted.get("type", [error.get("type")]):
        found.append(f"error type {error.get('type')!r}")
    if error.get("code") != wanted.get("code", error.get("code")):
        found.append(f"error code {error.get('code')!r}")
    found += [
        f"not said: {text!r} ({message!r})"
        for text in wanted.get("says", ())
        if text not in message
    ]
    found += [f"said: {text!r}" for text in wanted.get("hides", ()) if text in message]
    return found


def _usage(out: Outcome, name: str, wanted: dict[str, int]) -> list[str]:
    came = {key: out.usage.get(key) for key in wanted}
    return [] if came == wanted else [f"usage: {came}, not {wanted}"]


CHECKS: dict[str, Callable[[Outcome, str, Any], list[str]]] = {
    "status_in": _any_of,
    "text_in": _any_of,
    "stop_in": _any_of,
    "error": _error,
    "usage": _usage,
    "fresh": lambda *_: [],
}


def _usual(dialect: str, streams: bool) -> bytes:
    if dialect == "anthropic":
        events = [samples.opening(), *samples.text_block(0, "ok"), *samples.closing("end_turn")]
        return streamed(sse.named(*events)) if streams else whole(samples.ANTHROPIC_MESSAGE)
    if not streams:
        return whole(COMPLETION)
    head = {**COMPLETION, "object": "chat.completion.chunk"}
    choice = {"index": 0, "delta": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    usage = {**head, "choices": []}
    return streamed(sse.unnamed({**head, "choices": [choice], "usage": None}, usage, "[DONE]"))


def refusals(sent: Received, dialect: str) -> list[str]:
    """Why the provider would not take it."""
    if dialect == "anthropic":
        betas = set(sent.headers.get("anthropic-beta", "").split(",")) - {""}
        version = sent.headers["anthropic-version"]
        return [
            f"refused: {why}" for why in rules.complaints(sent.json, version=version, betas=betas)
        ]
    try:
        chat.check(sent.json)
    except chat.Wrong as wrong:
        return [f"refused: {wrong.args[0]}"]
    return []


@dataclass
class Exchanged:
    """What a function of wanted.py looks at."""

    replay: Replay
    input: Input
    out: Outcome

    def __post_init__(self) -> None:
        self.received = list(self.replay.upstream.received)

    @property
    def body(self) -> Any:
        return self.received[-1].json

    @property
    def headers(self) -> dict[str, str]:
        return self.received[-1].headers

    def told(self, pattern: str) -> bool:
        return any(re.search(pattern, name) for name in self.out.told)

    def refused(self, *names: str) -> bool:
        """A local 400 that names these."""
        message = str((self.out.error or {}).get("message")) + str(
            (self.out.error or {}).get("param")
        )
        return self.out.status == 400 and not self.received and all(n in message for n in names)

    def called(self, name: str, arguments: dict[str, Any]) -> list[list[Any]]:
        """The calls a caller gets, plain and streamed, when the upstream answers with this one."""
        call = {"type": "tool_use", "id": "toolu_1", "name": name}
        text = json.dumps(arguments)
        pieces = [
            {"type": "input_json_delta", "partial_json": text[i : i + 3]}
            for i in range(0, len(text), 3)
        ]
        start = {"type": "content_block_start", "index": 0, "content_block": {**call, "input": {}}}
        deltas = [{"type": "content_block_delta", "index": 0, "delta": piece} for piece in pieces]
        stop = {"type": "content_block_stop", "index": 0}
        events = [samples.opening(), start, *deltas, stop, *samples.closing("tool_use")]
        plain = {**samples.ANTHROPIC_MESSAGE, "content": [{**call, "input": arguments}]}
        answers = (whole({**plain, "stop_reason": "tool_use"}), streamed(sse.named(*events)))
        outs = [
            self.replay.ask(self.input, answer, stream=streams)
            for answer, streams in zip(answers, (False, True), strict=True)
        ]
        assert outs[0].calls == outs[1].calls, f"plain {outs[0].calls}, streamed {outs[1].calls}"
        return outs[0].calls
