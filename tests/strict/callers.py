"""The checks of every caller dialect under the same names, for tests of all of them.

CALLERS["openai-chat"].answer(body, asked)             a whole answer, to the request `asked`
                      .stream(bytes, asked)            a streamed one, however it ends
                      .error(status, headers, body)    an error answer
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.strict import anthropic_wire, openai_wire, responses_wire

Json = dict[str, Any]
# What an option of the mapping adds to an answer.
STOP_REASON = ("Choice.stop_reason",)


class Checks(NamedTuple):
    answer: Callable[[Any, Json], list[str]]
    stream: Callable[[bytes, Json], list[str]]
    error: Callable[[int, Mapping[str, str], bytes], list[str]]


def _chat_stream(data: bytes, asked: Json) -> list[str]:
    usage = bool((asked.get("stream_options") or {}).get("include_usage"))
    ends = "done" if b"[DONE]" in data else "error"
    return openai_wire.openai_stream_errors(data, usage, ends, STOP_REASON)


def _messages_stream(data: bytes, asked: Json) -> list[str]:
    whole = b"event: message_stop" in data
    if not whole and b"event: error" not in data:
        return ["neither message_stop nor an error"]
    return anthropic_wire.anthropic_stream_errors(data, whole)


CALLERS = {
    "openai-chat": Checks(
        lambda body, asked: openai_wire.openai_completion_errors(body, STOP_REASON),
        _chat_stream,
        openai_wire.openai_error_errors,
    ),
    "anthropic-messages": Checks(
        lambda body, asked: anthropic_wire.anthropic_message_errors(body),
        _messages_stream,
        anthropic_wire.anthropic_error_errors,
    ),
    "openai-responses": Checks(
        responses_wire.responses_object_errors,
        lambda data, asked: responses_wire.responses_stream_errors(data, None, asked),
        responses_wire.responses_error_errors,
    ),
}
