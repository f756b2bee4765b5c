"""The events of a streamed Responses answer, as the state machines of its clients take them.

    flow_errors(events) -> list[str]     events: the payloads in order, each of a type that exists

A frame belongs to the item that began last. What each kind of item may say, and in which order, is
a regular expression over its frames' names; its closing frames come all together or, where an
answer was cut or failed, not at all: of its last item, or of the calls that stand last. Behind these
a message may say why nothing more comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.strict.responses_items import (
    Json,
    annotation_errors,
    item_errors,
    opened_errors,
    part_errors,
)

TERMINAL = ("response.completed", "response.incomplete", "response.failed")
KEEPALIVE = "keepalive"
_PART = "content_part.added"
# kind of item -> (its frames while it is open, its closing frames but the last, item.done)
_ORDER: dict[str, tuple[str, str]] = {
    "output_text": (
        rf"{_PART} (output_text\.delta |output_text\.annotation\.added )*",
        r"output_text\.done content_part\.done ",
    ),
    "refusal": (rf"{_PART} (refusal\.delta )*", r"refusal\.done content_part\.done "),
    "reasoning": (
        r"(reasoning_summary_part\.added (reasoning_summary_text\.delta )+)?",
        r"(reasoning_summary_text\.done reasoning_summary_part\.done )?",
    ),
    "function_call": (
        r"(function_call_arguments\.delta )*",
        r"function_call_arguments\.done ",
    ),
    "custom_tool_call": (
        r"(custom_tool_call_input\.delta )?",
        r"custom_tool_call_input\.done ",
    ),
    "tool_search_call": ("", ""),
    "web_search_call": (
        r"(web_search_call\.in_progress web_search_call\.searching (web_search_call\.completed )?)?",
        "",
    ),
}
_DELTAS = re.compile(r"(output_text|refusal|reasoning_summary_text|\w+_arguments|\w+_input)\.delta")
_DONE_TEXT = {  # the frame that says the whole text, and under which key
    "output_text.done": "text",
    "refusal.done": "refusal",
    "reasoning_summary_text.done": "text",
    "function_call_arguments.done": "arguments",
    "custom_tool_call_input.done": "input",
}


def flow_errors(events: list[Json]) -> list[str]:
    """What is wrong with the order of events, and between what they say."""
    found = [
        f"flow: event {n}: sequence_number {event.get('sequence_number')!r}: counts from 0, by one"
        for n, event in enumerate(events)
        if event.get("sequence_number") != n
    ]
    kinds = [event["type"] for event in events if event["type"] != KEEPALIVE]
    if kinds[:2] != ["response.created", "response.in_progress"] or events[0]["type"] == KEEPALIVE:
        return [*found, "flow: begins with response.created, then response.in_progress"]
    if {"response.created", "response.in_progress"} & {*kinds[2:]}:
        found.append("flow: response.created or response.in_progress again")
    ends = [n for n, kind in enumerate(kinds) if kind in TERMINAL]
    if ends != [len(kinds) - 1] or events[-1]["type"] == KEEPALIVE:
        return [
            *found,
            "flow: ends with one of completed, incomplete, failed, and with nothing else",
        ]
    found += _failure_errors([event for event in events if event["type"] != KEEPALIVE])
    if found:
        return found
    items, stray = _by_item(events)
    last = events[-1]
    for index, item in enumerate(items):
        found += (f"item {index}: {text}" for text in item.errors())
        if not item.done and not _may_stay_open(item, items[index + 1 :], last):
            found.append(f"flow: item {index} is left open, and clients wait for its end")
    found += stray
    if found:
        return found
    return _ending_errors(items, last)


def _may_stay_open(item: _Item, behind: list[_Item], last: Json) -> bool:
    """The last item of an answer that is not whole; and a call, with nothing behind it but others,
    which may be whole where they came interleaved, and what declines to go on."""
    if last["type"] == TERMINAL[0]:
        return False
    filtered = (last["response"]["incomplete_details"] or {}).get("reason") == "content_filter"
    declined = behind[-1:] if filtered and behind and behind[-1].kind == "message" else []
    rest = behind[: len(behind) - len(declined)]
    return not behind or (item.is_call and all(one.is_call for one in rest))


def _failure_errors(events: list[Json]) -> list[str]:
    errors = [n for n, event in enumerate(events) if event["type"] == "error"]
    if events[-1]["type"] != "response.failed":
        return ["flow: an error, and no response.failed behind it"] if errors else []
    if errors != [len(events) - 2]:
        return ["flow: response.failed has one error right before it"]
    told, kept = events[-2]["error"], events[-1]["response"]["error"]
    return [] if told == kept else [f"flow: the error says {told}, response.failed {kept}"]


def _ending_errors(items: list[_Item], last: Json) -> list[str]:
    done = [item.done["item"] for item in items if item.done]
    found = []
    if last["response"]["output"] != done:
        found.append(f"flow: {last['type']}: its output is not that of the items done")
    cut = (last["response"]["incomplete_details"] or {}).get("reason") == "max_output_tokens"
    final = items[-1] if items else None
    if cut and final and final.done and final.kind == "message":
        if final.done["item"]["status"] != "incomplete":
            found.append("flow: the message that was cut says that it is completed")
    if cut and final and final.is_call and all(item.done for item in items):
        found.append("flow: a call that may be cut is closed: clients would run it")
    return found


class _Item:
    """The frames of one item, from `added` to `done`."""

    def __init__(self, added: Json) -> None:
        self.added = added["item"]
        self.index: int = added["output_index"]
        self.kind: str = self.added.get("type", "")
        self.frames: list[tuple[str, Json]] = []
        self.done: Json | None = None

    @property
    def is_call(self) -> bool:
        return self.kind.endswith("_call") and self.kind != "web_search_call"

    def errors(self) -> list[str]:
        found = opened_errors(self.added, "item")
        if found:
            return found
        for name, event in self.frames:
            if event.get("item_id") != self.added["id"]:
                found.append(f"{name}: of {event.get('item_id')!r}, not {self.added['id']!r}")
            if event.get("content_index", 0) != 0 or event.get("summary_index", 0) != 0:
                found.append(f"{name}: an item has one part, whose index is 0")
        found += self._order_errors()
        return found or [*self._text_errors(), *self._done_errors()]

    def _order_errors(self) -> list[str]:
        said = "".join(f"{name} " for name, _ in self.frames)
        parts = [event["part"]["type"] for name, event in self.frames if name == _PART]
        kind = parts[0] if parts else "output_text" if self.kind == "message" else self.kind
        if kind not in _ORDER:
            return [f"a part of the type {kind!r}"]
        opened, closing = _ORDER[kind]
        if re.fullmatch(opened + closing if self.done else f"({opened})?", said):
            return []
        return [f"its frames are out of order, or some are missing: {said or 'none'}"]

    def _text_errors(self) -> list[str]:
        found, pieces, noted = [], [], 0
        for name, event in self.frames:
            if _DELTAS.fullmatch(name):
                pieces.append(event["delta"])
                if not event["delta"] and self.kind != "custom_tool_call":  # whose one says all
                    found.append(f"{name}: empty")
            elif name in _DONE_TEXT:
                text, joined = event[_DONE_TEXT[name]], "".join(pieces)
                if text != joined and (joined, text) != ("", "{}"):
                    found.append(f"{name}: {text!r}, and its deltas say {joined!r}")
            elif name == "output_text.annotation.added":
                if event["annotation_index"] != noted:
                    found.append(f"{name}: annotation_index {event['annotation_index']}: {noted}")
                found += annotation_errors(event["annotation"], len("".join(pieces)), name)
                noted += 1
            elif name.endswith("part.added"):
                empty = {key: v for key, v in event["part"].items() if key != "type" and v}
                if empty:
                    found.append(f"{name}: begins with something in it: {empty}")
                elif name == _PART:
                    found += part_errors(event["part"], name)
        return found

    def _done_errors(self) -> list[str]:
        """Whether the item that is done is the one that was begun, and says what its frames said."""
        if not self.done:
            return []
        item = self.done["item"]
        found = item_errors(item, "item")
        if found:
            return found
        changing = {"status", "content", "summary", "arguments", "input", "action"}
        changing |= {"encrypted_content"}
        before = {key: value for key, value in self.added.items() if key not in changing}
        after = {key: value for key, value in item.items() if key not in changing}
        if before != after:
            return [f"item.done: another item than was added: {after}, not {before}"]
        return list(self._said_errors(item))

    def _said_errors(self, item: Json) -> Iterator[str]:
        frames = dict(self.frames)  # of each name the last
        if self.kind == "message":
            part = frames["content_part.done"]["part"]
            yield from part_errors(part, "content_part.done")
            if item["content"] != [part]:
                yield "item.done: other content than content_part.done"
            notes = [e["annotation"] for n, e in self.frames if n.endswith("annotation.added")]
            whole = frames.get("output_text.done", frames.get("refusal.done", {}))
            key = "text" if part["type"] == "output_text" else "refusal"
            if part[key] != whole.get(key):
                yield f"content_part.done: other text than {key} done"
            if part.get("annotations", []) != notes:
                yield "content_part.done: other annotations than were added"
        elif self.kind == "reasoning":
            shown = [e["part"] for n, e in self.frames if n == "reasoning_summary_part.done"]
            if bool(shown) != any(n.endswith("part.added") for n, _ in self.frames):
                yield "a summary part that never ends"
            if item["summary"] != shown:
                yield "item.done: another summary than its parts"
            texts = [e["text"] for n, e in self.frames if n == "reasoning_summary_text.done"]
            if [part.get("text") for part in shown] != texts:
                yield "reasoning_summary_part.done: other text than its text.done"
        elif self.kind == "function_call":
            if item["arguments"] != frames["function_call_arguments.done"]["arguments"]:
                yield "item.done: other arguments than arguments.done"
        elif self.kind == "custom_tool_call":
            if item["input"] != frames["custom_tool_call_input.done"]["input"]:
                yield "item.done: another input than input.done"
        elif self.kind == "web_search_call" and item["status"] == "completed":
            if "web_search_call.completed" not in frames:
                yield "completed without its event"


def _by_item(events: list[Json]) -> tuple[list[_Item], list[str]]:
    """The items with their frames; and what belongs to none of them."""
    items: list[_Item] = []
    stray: list[str] = []
    current: _Item | None = None
    for number, event in enumerate(events):
        kind = event["type"]
        if kind == "response.output_item.added":
            if current is not None and current.done is None and not current.is_call:
                stray.append(f"flow: event {number}: an item begins while another is open")
            if event["output_index"] != len(items):
                stray.append(f"flow: event {number}: output_index is {len(items)}, dense from 0")
            current = _Item(event)
            items.append(current)
        elif "output_index" not in event:
            continue
        elif current is None or current.done or event["output_index"] != current.index:
            stray.append(f"flow: event {number}: {kind} of an item that is not open")
        elif kind == "response.output_item.done":
            current.done = event
        else:
            current.frames.append((kind.removeprefix("response."), event))
    return items, stray
