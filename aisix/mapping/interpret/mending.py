"""Answers as their clients need them: what an upstream left out, emptied or put elsewhere.

`[mend.blocks]` is for upstreams whose answers are blocks that begin and end, `[mend.choices]` for
those whose events hold a list of choices. An event comes before its rows see it; what is as it
should be is looked at and goes on as it came. Knows no field by name.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_state import AnswerScope
from aisix.mapping.interpret.call_pieces import GivenIds, Item, decoded_once, next_id, word
from aisix.mapping.interpret.view import View
from aisix.mapping.interpret.whole_json import WholeJson
from aisix.mapping.syntax.mending import BlockMends, ChoiceMends
from aisix.mapping.syntax.paths import Json, copied
from aisix.mapping.syntax.rules import Rule

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


class MendedBlocks:
    """The blocks of one answer: begun before they go on, ended, with what they must have."""

    def __init__(self, how: BlockMends, scope: AnswerScope) -> None:
        self._how, self._scope = how, scope
        self._ids: GivenIds = {}
        self._started = False
        self._reset()

    def _reset(self) -> None:
        self._as_is: set[int] = set()  # blocks whose pieces need no look
        self._open: dict[int, None] = {}  # in the order they began
        self._quoted: dict[int, tuple[list[str], WholeJson]] = {}  # of calls that have no text yet
        self._last = -1  # the number of the block that began last

    def event(self, event: Item) -> Sequence[Item]:
        """One event of a stream -> those that should have come."""
        how = self._how
        kind = event.get(how.by)
        if kind == how.delta:
            number = event.get(how.number)
            if type(number) is int and number in self._as_is:
                return (event,)
            return self._goes_on(event)
        if kind == how.begin:
            return self._begins(event)
        if kind == how.end:
            return self._ends(event)
        if kind == how.start:
            self._started = True
            self._reset()
            message = event.get(how.answer)
            if type(message) is dict:
                self._whole(message)
        elif kind == how.last:
            out = self._opened()
            for number in self._open:
                out += self._rest(number)
                out.append({how.by: how.end, how.number: number})
            self._open = {}
            _fill(event, how.last_fill)
            return [*out, event]
        return (event,)

    def plain(self, answer: Item) -> None:
        """A plain answer, in place."""
        how = self._how
        self._whole(answer)
        found = answer.get(how.list)
        if type(found) is str:
            name = next(iter(how.kinds[how.lone]))
            answer[how.list] = found = [{how.kind: how.lone, name: found}]
        for block in found if type(found) is list else ():
            if type(block) is dict:
                self._block(block)

    def _whole(self, message: Item) -> None:
        """What the answer itself must have."""
        said = message.get(self._how.id)
        if type(said) is not str or not said.strip():
            message[self._how.id] = self._made(self._how.made)
        _fill(message, self._how.fill)

    def _opened(self) -> list[Item]:
        """The event an answer begins with, where that has not come."""
        how = self._how
        if self._started:
            return []
        self._started = True
        message: Item = {}
        self._whole(message)
        return [{how.by: how.start, how.answer: message}]

    # ------------------------------------------------------------------ blocks
    def _begins(self, event: Item) -> list[Item]:
        how, out = self._how, self._opened()
        number = event.get(how.number)
        if type(number) is not int:
            number = event[how.number] = self._last + 1
        self._last = number
        block = event.get(how.block)
        if type(block) is dict and self._block(block):
            self._as_is.discard(number)
            self._quoted[number] = ([], WholeJson())
        else:
            self._as_is.add(number)
        self._open[number] = None
        return [*out, event]

    def _goes_on(self, event: Item) -> list[Item]:
        """A piece of a block that is a call, or of one that has not begun."""
        how = self._how
        number, delta = event.get(how.number), event.get(how.piece)
        if type(number) is not int:
            number = event[how.number] = max(self._last, 0)
        if type(delta) is not dict or number in self._as_is:
            return [event]
        if number not in self._quoted:
            kind = how.begun.get(str(delta.get(how.kind)))
            if kind is None:
                self._scope.lost("dropped", how.about, how.place)
                return []
            block = {how.kind: kind, **copied(how.kinds[kind])}
            begin: Item = {how.by: how.begin, how.number: number, how.block: block}
            return [*self._begins(begin), event]
        return self._text(number, delta, event)

    def _text(self, number: int, delta: Item, event: Item) -> list[Item]:
        """A piece of a call's text, while that may still turn out to be quoted."""
        how = self._how
        if how.call_text not in delta:
            return [event]
        text = delta[how.call_text]
        if type(text) is not str:
            if text is not None:
                self._tell()
            text = delta[how.call_text] = "" if text is None else _encode(text).decode()
        held, json = self._quoted[number]
        if not held and text.lstrip()[:1] not in ("", '"'):
            del self._quoted[number]
            self._as_is.add(number)
            return [event]
        if not held and not text.strip():
            return [event]
        held.append(text)
        json.add(text)
        if not json.closed:
            return []
        delta[how.call_text] = self._unquoted(number)
        return [event]

    def _unquoted(self, number: int) -> str:
        held, _ = self._quoted.pop(number)
        self._as_is.add(number)
        text = "".join(held)
        once = decoded_once(text)
        if once != text:
            self._tell()
        return once

    def _rest(self, number: int) -> list[Item]:
        """What was held back of a call that has ended."""
        how = self._how
        if not self._quoted.get(number, ([], None))[0]:
            return []
        delta = {how.kind: how.call_delta, how.call_text: self._unquoted(number)}
        return [{how.by: how.delta, how.number: number, how.piece: delta}]

    def _ends(self, event: Item) -> list[Item]:
        number = event.get(self._how.number)
        if type(number) is not int:
            number = event[self._how.number] = max(self._last, 0)
        if number not in self._open:
            return []
        del self._open[number]
        return [*self._rest(number), event]

    def _block(self, block: Item) -> bool:
        """Gives a block what its kind must have; whether it is a call."""
        how, kind = self._how, block.get(self._how.kind)
        if type(kind) is not str or kind not in how.kinds:
            return False
        _fill(block, how.kinds[kind])
        if kind != how.call:
            return False
        said = block.get(how.call_id)
        given = word(said)
        one = next_id(self._ids, given or self._made(how.made_call), given)
        if said != one:
            block[how.call_id] = one
            if given:
                self._tell()
        value = block[how.call_object]
        if type(value) is not dict:
            block[how.call_object] = _object(value)
            self._tell()
        return True

    def _made(self, rule: Rule) -> str:
        return str(interpret.run(rule, View(self._scope, {})) or "")  # type: ignore[arg-type]

    def _tell(self) -> None:
        self._scope.lost("rewritten", self._how.about, self._how.place)


class MendedChoices:
    """The choices of one answer: each with its part, texts as texts; or one of them alone."""

    def __init__(self, how: ChoiceMends, scope: AnswerScope) -> None:
        self._how, self._scope = how, scope
        self._filled: dict[str, Json] | None = None
        self._kept: Json = None  # the number of the choice that stays
        self._begun: set[int] = set()  # numbers of choices that have said what is said once

    def event(self, event: Item) -> Sequence[Item]:
        """One event of a stream -> itself, or nothing when there is nothing in it."""
        how = self._how
        choices = event.get(how.list)
        if type(choices) is list and len(choices) == 1 and type(choices[0]) is dict:
            one = choices[0]
            if how.alone:
                if not one.get(how.number):
                    self._kept = 0
                    return (event,)
            elif type(said := event.get(how.id)) is str and said:
                part = one.get(how.part)
                whole = one.get(how.finish) != ""
                if whole and type(part) is dict and type(part.get(how.text)) is not list:
                    if how.once in part:
                        self._say_once(one, part)
                    return (event,)
        if how.alone:
            if choices and type(choices) is list:
                self._alone(event, choices)
            return (event,)
        if not choices and not any(value for name, value in event.items() if name != how.list):
            return ()
        self._fill(event, how.fill)
        for one in choices if type(choices) is list else ():
            if type(one) is dict:
                if type(one.get(how.part)) is not dict:
                    also = one.pop(how.whole, None)
                    one[how.part] = also if type(also) is dict else {}
                if one.get(how.finish) == "":
                    one[how.finish] = None
                if how.once in one[how.part]:
                    self._say_once(one, one[how.part])
                self._read(one[how.part], None)
        if type(choices) is not list:
            event[how.list] = []
        return (event,)

    def _say_once(self, one: Item, part: Item) -> None:
        """Who puts the parts of a stream together would say it twice."""
        number = one.get(self._how.number)
        number = number if type(number) is int else 0
        if number in self._begun:
            del part[self._how.once]
        self._begun.add(number)

    def plain(self, answer: Item) -> None:
        """A plain answer, in place."""
        how, choices = self._how, answer.get(self._how.list)
        if type(choices) is not list:
            return
        if how.alone:
            if len(choices) > 1:
                self._alone(answer, choices)
            return
        self._fill(answer, how.whole_fill)
        for one in choices:
            if type(one) is dict and type(part := one.get(how.whole)) is dict:
                self._read(part, "")

    def _alone(self, event: Item, choices: list[Json]) -> None:
        """There is room for one: the first, whichever they are said in."""
        how = self._how
        found = [(one.get(how.number) or 0, one) for one in choices if type(one) is dict]
        numbered = [(n, one) for n, one in found if type(n) is int]
        if self._kept is None and numbered:
            self._kept = min(n for n, _ in numbered)
        kept = [one for n, one in numbered if n == self._kept][:1]
        if len(kept) < len(choices):
            self._scope.lost("dropped", how.list, how.place)
            event[how.list] = kept

    def _fill(self, event: Item, rules: tuple[tuple[str, Rule], ...]) -> None:
        """What an answer without an id lacks; the same in all its events."""
        said = event.get(self._how.id)
        if type(said) is str and said:
            return
        if self._filled is None:
            view = View(self._scope, {})  # type: ignore[arg-type]
            self._filled = {name: interpret.run(rule, view) for name, rule in rules}
        for name, value in self._filled.items():
            if name == self._how.id or event.get(name) is None:
                event[name] = value

    def _read(self, part: Item, nothing: Json) -> None:
        """A list in a text's place: its texts, and its thoughts where those have their place."""
        how, parts = self._how, part.get(self._how.text)
        if type(parts) is not list:
            return
        texts, thoughts = [], []
        for one in parts:
            if type(one) is dict and one.get(how.kind) == how.thought:
                thoughts.append(_text_of(one.get(how.thought), how.inner))
            elif text := _text_of([one], how.inner):
                texts.append(text)
            elif one and (type(one) is not dict or type(one.get(how.inner)) is not str):
                self._scope.lost("dropped", how.text, how.place)
        if texts or nothing is not None:
            part[how.text] = "".join(texts)
        else:
            del part[how.text]
        if any(thoughts) and not part.get(how.thoughts):
            part[how.thoughts] = "".join(thoughts)


def _text_of(value: Json, inner: str) -> str:
    """A text, or those of a list of texts or of objects with one."""
    if type(value) is not list:
        return value if type(value) is str else ""
    found = (one.get(inner) if type(one) is dict else one for one in value)
    return "".join(text for text in found if type(text) is str)


def _fill(item: Item, fields: dict[str, Json]) -> None:
    for name, value in fields.items():
        if item.get(name) is None and (value is not None or name not in item):
            item[name] = copied(value)


def _object(value: Json) -> Item:
    """An object that came as text, once or twice encoded; of anything else there is none."""
    for _ in range(2):
        if type(value) is not str:
            break
        try:
            value = _decode(value)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            break
    return value if type(value) is dict else {}
