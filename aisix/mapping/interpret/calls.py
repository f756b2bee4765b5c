"""Calls have identity: in whatever pieces an upstream names, numbers and fills them.

`[calls.NAME]` says where pieces of calls stand in an event, and what of them is number, id, name
and text. `event` rewrites them in place: numbers dense from 0, an id and a whole name once, with
the first piece of a call, the text as text, encoded once. What is so already is not touched. Two
calls on one number become two; a call waits until its name is known. Knows no field by name.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec

from aisix.mapping.interpret import rules as interpret
from aisix.mapping.interpret.answer_state import AnswerScope
from aisix.mapping.interpret.call_pieces import (
    Group,
    GrowingCall,
    Item,
    decoded_once,
    first,
    is_not,
    laid,
    next_id,
    number_of,
    word,
)
from aisix.mapping.interpret.scope import Note
from aisix.mapping.interpret.view import View
from aisix.mapping.syntax import paths
from aisix.mapping.syntax.answer import CallRules
from aisix.mapping.syntax.paths import Json

_encode = msgspec.json.Encoder().encode
LONGEST_NAME = 4096  # characters of a call's name that comes in pieces


class Calls:
    """The calls of one answer, by one `[calls.NAME]`."""

    def __init__(self, how: CallRules, scope: AnswerScope) -> None:
        self._how = how
        self.place = how.place
        self._scope = scope
        self._groups: dict[Json, Group] = {}
        self._event: Item = {}
        self._told = False
        self._names: set[Json] = set()  # what a call may be called
        self._sure: set[Json] = set()  # those of them that do not begin another one

    # ------------------------------------------------------------------ a stream
    def event(self, event: Item) -> None:
        """Rewrites the pieces of calls in one event of a stream, in place."""
        how = self._how
        if not self._groups and how.of is not None:
            # Most events of most answers: no call here, and none before.
            head, leaf = how.at.steps[0], how.at.steps[-1]
            found = event.get(how.of)
            for at in found if type(found) is list else ():
                if type(at) is dict:
                    below = at.get(head)
                    if leaf in (below if type(below) is dict else at):
                        break
            else:
                return
        for key, at in self._parts(event):
            found = paths.get(at, how.at.steps)
            if found is None and key not in self._groups:
                continue
            group = self._groups.get(key) or self._begun(key)
            ended = how.end is not None and paths.get(at, how.end.steps) is not None
            out: list[Item] = []
            now: set[Json] = set()  # the numbers this event has named a call of
            items = found if type(found) is list else [found]
            for place, item in enumerate(items):
                if type(item) is dict:
                    out += self._piece(group, item, place, now)
            if ended:
                out += self._flush(group)
            elif group.open:
                group.at, self._event = at, event
            self._put(at, out, found)

    def rest(self) -> list[Item]:
        """Nothing follows: events with what was held back."""
        events: list[Item] = []
        for group in self._groups.values():
            if out := self._flush(group):
                at = {k: v for k, v in group.at.items() if k != self._how.at.steps[0]}
                self._put(at, out, None)
                of = self._how.of
                events.append(at if of is None else {**self._event, of: [at]})
        return events

    def _begun(self, key: Json) -> Group:
        if not self._groups:
            self._names = {name for name in self._scope.names if type(name) is str}
            longer = {one for one, other in pairwise(sorted(self._names)) if other.startswith(one)}
            self._sure = self._names - longer
        group = self._groups[key] = Group()
        return group

    def _parts(self, event: Item) -> Iterator[tuple[Json, Item]]:
        """Those of an event that may hold calls, each with what tells it apart."""
        how = self._how
        if how.of is None:
            yield None, event
            return
        found = event.get(how.of)
        for number, at in enumerate(found if type(found) is list else ()):
            if type(at) is dict:
                key = at.get(how.which) if how.which else None
                yield (key if type(key) is int else number), at

    def _put(self, at: Item, items: list[Item], found: Json) -> None:
        steps = self._how.at.steps
        if not items:
            if found is not None:
                below = paths.get(at, steps[:-1])
                del below[steps[-1]]
        elif self._how.index is None:
            paths.put(at, steps, items[0] if len(items) == 1 else self._one(items))
        elif items != found:
            paths.put(at, steps, items)

    def _one(self, items: list[Item]) -> Item:
        """Pieces of the one call there can be."""
        steps = self._how.text.steps
        text = "".join(paths.get(item, steps) or "" for item in items)
        out: Item = {}
        for item in items:
            laid(out, item)
        paths.put(out, steps, text)
        return out

    def _piece(self, group: Group, item: Item, place: int, now: set[Json]) -> list[Item]:
        how = self._how
        number = None if how.index is None else number_of(paths.get(item, how.index.steps))
        given = "" if how.id is None else word(paths.get(item, how.id.steps))
        name, raw = first(item, how.name), paths.get(item, how.text.steps)
        text = raw if type(raw) is str else self._written(raw)
        name = name if type(name) is str else ""
        key = ("at", place) if number is None else number
        call = self._meant(group, key, given, name)
        out: list[Item] = []
        several = how.index is not None
        if call is None or (several and self._begins(call, given, name, text, key in now)):
            name = name or (call.name if call is not None and call.again else "")
            for known in [*group.known.values()] if group.known else ():
                if known is not call:
                    out += self._let_go(group, known)  # or what comes later would overtake it
            if call is not None:
                out += self._let_go(group, call)
                self._tell()
            call = group.current[key] = GrowingCall(key)
        group.last = call
        if name:
            now.add(key)
        if given:
            group.by_id[given] = call
            call.given = call.given or given
        if call.begun:
            return out + self._more(group, call, item, given, name, text, raw)
        return out + self._first_of(group, call, item, name, text)

    def _meant(self, group: Group, key: Json, given: str, name: str) -> GrowingCall | None:
        """The call a piece may be more of."""
        other = group.by_id.get(given) if given else None
        if other is not None and (type(key) is tuple or other.key == key):
            return other
        call = group.current.get(key)
        last = group.last
        if call is None and last is not None and not given and not name:
            # Numbered at first and then no longer, or the other way round.
            return last if type(last.key) is not type(key) else None
        return call

    def _begins(self, call: GrowingCall, given: str, name: str, text: str, again: bool) -> bool:
        """Whether a piece is not more of this call but another one."""
        if again and name and call.name:
            return True
        if given and call.given and given != call.given:
            if not name:
                return call.json.closed
            if not call.name:
                return call.json.closed and bool(text.strip())
            cut = name == call.name and call.texted and not call.json.closed
            return not (cut and text.lstrip()[:1] not in ("", "{"))
        if not name:
            return call.again and bool(text.strip())
        if not call.name:
            return False
        if call.texted and call.json.closed:
            same = name == call.name
            if same and given and given == call.given:
                return text.lstrip()[:1] == "{" and not call.said(text)
            call.again = same and not text.strip()
            return not call.again
        known = name != call.name and name in self._names and call.name in self._names
        if not call.texted:
            return known and call.name + name not in self._names and not name.startswith(call.name)
        return known and text.lstrip()[:1] == "{"

    # ------------------------------------------------------------------ one call
    def _first_of(
        self, group: Group, call: GrowingCall, item: Item, name: str, text: str
    ) -> list[Item]:
        """A piece of a call that has not begun: held back until its name is known."""
        if name and name != call.name:
            cumulative = name.startswith(call.name)
            if len(call.name) < LONGEST_NAME:
                call.name = name if cumulative else call.name + name
        waited = bool(call.item)
        call.item = laid(call.item, item) if waited else item
        said = self._text(call, text)
        if call.name and (call.name in self._sure or said.strip() or call.quoted is not None):
            return [self._begin(group, call, said, waited)]
        if said:
            call.held.append(said)
        group.open[id(call)] = call
        if call.name in self._names:
            group.known[id(call)] = call
        else:
            group.known.pop(id(call), None)
        return []

    def _begin(self, group: Group, call: GrowingCall, text: str, waited: bool) -> Item:
        how, item = self._how, call.item
        call.begun, call.number, call.item = True, group.begun, {}
        group.begun += 1
        group.known.pop(id(call), None)
        if call.quoted is None:
            group.open.pop(id(call), None)
        else:
            group.open[id(call)] = call
        path = next((p for p in how.name if paths.get(item, p.steps) is not None), how.name[0])
        if paths.get(item, path.steps) != call.name:
            paths.put(item, path.steps, call.name)
        if how.index is not None and is_not(item, how.index, call.number):
            if paths.get(item, how.index.steps) is not None:  # without numbers it is but numbered
                self._tell()
            paths.put(item, how.index.steps, call.number)
        self._identify(group, item)
        text, call.held = "".join([*call.held, text]), []
        holder = paths.get(item, how.text.steps[:-1])
        if type(holder) is dict:
            if holder.get(how.text.steps[-1]) != text:
                holder[how.text.steps[-1]] = text
            for steps, value in how.fixed:
                if not paths.get(item, steps):
                    paths.put(item, steps, value)
        return item

    def _identify(self, group: Group, item: Item) -> None:
        """An id of its own, whatever the upstream gave."""
        how = self._how
        if how.id is None:
            return
        said = paths.get(item, how.id.steps)
        given = word(said)
        if not given and how.made is not None:
            view = View(self._scope, {})  # type: ignore[arg-type]
            given = str(interpret.run(how.made, view) or "")
        one = next_id(group.ids, given, given)
        if said != one:
            if said:
                self._tell()
            paths.put(item, how.id.steps, one)

    def _more(
        self,
        group: Group,
        call: GrowingCall,
        item: Item,
        given: str,
        name: str,
        text: str,
        raw: Json,
    ) -> list[Item]:
        """A piece of a call that has begun: only its text is new."""
        how = self._how
        if call.texted and call.json.closed and call.said(text):
            said = ""  # all of it once more
        else:
            said = self._text(call, text)
        if how.index is not None and is_not(item, how.index, call.number):
            paths.put(item, how.index.steps, call.number)
        if given and how.id is not None:
            paths.remove(item, how.id.steps)
        if name:
            for path in how.name:
                paths.remove(item, path.steps)
        for steps, _ in how.fixed:  # once, as the id and the name
            paths.remove(item, steps)
        if said != raw and (said or raw is not None):
            paths.put(item, how.text.steps, said)
        if call.quoted is not None:
            group.open[id(call)] = call
        else:
            group.open.pop(id(call), None)
        return [item]

    def _text(self, call: GrowingCall, text: str) -> str:
        """What may be sent of it now; a text that begins with a quote only when that is closed."""
        if not text:
            return ""
        call.grow(text)
        if not call.texted and (start := text.lstrip()[:1]):
            call.texted = True
            if start == '"':
                call.quoted = []
        if call.quoted is None:
            return text
        call.quoted.append(text)
        if not call.json.closed:
            return ""
        return self._unquoted(call)

    def _unquoted(self, call: GrowingCall) -> str:
        text, call.quoted = "".join(call.quoted or ()), None
        once = decoded_once(text)
        if once != text:
            self._tell()
        return once

    def _let_go(self, group: Group, call: GrowingCall) -> list[Item]:
        """Another call begins in its place: what is held of this one goes first."""
        if group.open.pop(id(call), None) is None:
            return []
        group.known.pop(id(call), None)
        rest = self._unquoted(call) if call.quoted is not None else ""
        if call.begun:
            item: Item = {}
            if self._how.index is not None:
                paths.put(item, self._how.index.steps, call.number)
            paths.put(item, self._how.text.steps, rest)
            return [item] if rest else []
        if not (call.name or call.held or rest):
            return []  # an id and nothing else
        if not call.name and len(self._names) == 1:
            call.name = next(iter(self._names))  # there is but one it may mean
            self._tell()
        return [self._begin(group, call, rest, True)]

    def _flush(self, group: Group) -> list[Item]:
        return [item for call in [*group.open.values()] for item in self._let_go(group, call)]

    # ------------------------------------------------------------------ a plain answer
    def plain(self, answer: Item) -> None:
        """Rewrites the calls of a plain answer, each of them whole, in place."""
        how = self._how
        for key, at in self._parts(answer):
            steps = how.whole.steps if how.whole is not None else how.at.steps
            found = paths.get(at, steps)
            if found is None:
                continue
            group = self._groups.setdefault(key, Group())
            if how.index is not None and type(found) is dict:
                found = [found]
                paths.put(at, steps, found)
            for place, item in enumerate(found if type(found) is list else [found]):
                if type(item) is dict:
                    self._whole(group, item, place)

    def _whole(self, group: Group, item: Item, place: int) -> None:
        how = self._how
        self._identify(group, item)
        if how.index is not None and paths.get(item, how.index.steps) not in (None, place):
            paths.put(item, how.index.steps, place)
        holder = paths.get(item, how.text.steps[:-1])
        if type(holder) is not dict:
            return
        for steps, value in how.fixed:
            if not paths.get(item, steps):
                paths.put(item, steps, value)
        raw = holder.get(how.text.steps[-1])
        once = decoded_once(raw) if type(raw) is str else self._written(raw) or "{}"
        if once != raw:
            holder[how.text.steps[-1]] = once
            if type(raw) is str:
                self._tell()

    def _written(self, value: Json) -> str:
        """What should have been text, as text."""
        if value is None:
            return ""
        self._tell()
        return "" if self._how.objects and type(value) is not dict else _encode(value).decode()

    def _tell(self) -> None:
        """Once an answer: the calls are not as the upstream said them."""
        if not self._told:
            self._told = True
            name = str(self._how.at.steps[-1])
            self._scope.notes.append(Note("rewritten", name, self._how.place))
