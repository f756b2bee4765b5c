"""Holders as keys and arguments of the scripts, made once for each set; answers as verdicts.

    plan = LimitPlan(asked, env, told)
    plan.admit(member, lease_ms, tokens)        # bytes of a call of ADMIT
    plan.take(answer, now); plan.levels(answer); plan.booked(answer, member, tokens)

Pure: no socket, no clock.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from aisix.limits.base import Holder, Level
from aisix.limits.redis.scripts import ADMIT, SETTLE, sha
from aisix.limits.rules import LimitRule, WindowCounts
from aisix.limits.shared import MOST

KINDS = {"requests": 0, "tokens": 1, "concurrency": 2}
LIMIT = int(MOST)
LONGEST_NAME = 160  # bytes of a holder's name in a key; ids we take have 128 at most
LARGEST = (1 << 63) - 1  # number that packs
_pack = msgspec.msgpack.encode


def keys_of(env: str, ident: str) -> tuple[bytes, bytes]:
    """A holder's row and its places. A name that is too long, as others may write it into etcd, is
    known by its hash: every call carries it, and thousands of them may wait."""
    name = ident.encode("utf-8", "surrogatepass")
    if len(name) > LONGEST_NAME:
        name = name.partition(b":")[0] + b":#" + hashlib.sha256(name).hexdigest().encode()
    row = b"aisix:q:{%b}:%b" % ((env or "_").encode(), name)
    return row, row + b":c"


def bulk(*words: bytes) -> bytes:
    """Words as the arguments of a call."""
    return b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)


def command(*words: bytes) -> bytes:
    """A whole call."""
    return b"*%d\r\n%b" % (len(words), bulk(*words))


class Told:
    """What Redis told last of a holder: `at` by our clock; `rules`: those it was asked for."""

    __slots__ = ("answer", "at", "first", "rules", "seeded")

    def __init__(self) -> None:
        self.at = self.seeded = 0.0  # seeded: that which the node's own counters know already
        self.answer: Sequence[int] = ()
        self.first = 0  # of the answer, where the holder's rules begin
        self.rules: Sequence[LimitRule] = ()

    def windows(self, now: float) -> list[tuple[LimitRule, float, int]]:
        """(rule, seconds its window goes on, count) of those windows that have not ended."""
        found, at, answer = [], self.first, self.answer
        for rule in self.rules:
            if rule.counts == "concurrency":
                continue
            count, begin = answer[at], answer[at + 1]
            left = rule.seconds - (answer[4] - begin) / 1000 - (now - self.at)
            if count and left > 0:
                found.append((rule, min(left, float(rule.seconds)), count))
            at += 2
        return found


@dataclass(slots=True, eq=False)
class BookedTokens:
    """What of a grant stands in Redis: tokens in all, and by rule (begin, tokens)."""

    plan: LimitPlan
    member: bytes  # "": it holds no place
    tokens: int
    windows: list[int]  # begin, tokens of each rule of tokens
    busy: bool = False  # a call is under way, and its answer says where things stand
    wanted: int = -1  # tokens to be booked after it
    over: bool = False  # wanted: and settled


class LimitPlan:
    """The calls of some holders with some rules."""

    __slots__ = (
        "_admit",
        "_parts",
        "_settle",
        "_tokens_at",
        "_windows",
        "holders",
        "keys",
        "places",
        "tokens",
        "told",
    )

    def __init__(self, holders: tuple[Holder, ...], env: str, told: Sequence[Told]) -> None:
        self.holders = holders
        self.told = told
        self._parts: list[tuple[Told, int, Sequence[LimitRule]]] = []  # first of its answer, rules
        keys: list[bytes] = []
        plan, rows, settle = [], [], []
        self.places: list[bytes] = []  # sets of places
        # Of each rule that has a window: where an answer has its count, counts, most, ms.
        self._windows: list[tuple[int, WindowCounts, int, int]] = []
        at = 5
        self.tokens = 0  # rules that count tokens
        for holder, last in zip(holders, told, strict=True):
            row, places = keys_of(env, holder.ident)
            at_row = at_places = 0
            rules = holder.rules
            self._parts.append((last, at, rules))
            if any(rule.counts != "concurrency" for rule in rules):
                keys.append(row)
                at_row = len(keys)
            if any(rule.counts == "concurrency" for rule in rules):
                keys.append(places)
                at_places = len(keys)
                self.places.append(places)
            shown = [
                [r.slot, KINDS[r.counts], r.seconds * 1000, min(r.most, LARGEST)] for r in rules
            ]
            plan.append([at_row, at_places, shown])
            for rule in rules:
                if rule.counts != "concurrency":
                    self._windows.append((at, rule.counts, rule.most, rule.seconds * 1000))
                    at += 2
            mine = [(r.slot, r.seconds * 1000) for r in rules if r.counts == "tokens"]
            if mine:
                rows.append(row)
                settle.append(mine)
                self.tokens += len(mine)
        self.keys = rows + self.places
        body = [b"EVALSHA", sha(ADMIT), b"%d" % len(keys), *keys, _pack(plan)]
        self._admit = b"*%d\r\n%b" % (len(body) + 3, bulk(*body))
        # Where an answer has the beginnings of those windows that count tokens.
        self._tokens_at = [at + 1 for at, counts, _, _ in self._windows if counts == "tokens"]
        self._settle = _template(self.keys, settle)

    # ------------------------------------------------------------------ calls
    def admit(self, member: bytes, lease: bytes, tokens: int) -> bytes:
        """`lease`: in ms, as an argument already."""
        count = b"%d" % min(tokens, LIMIT)
        return b"%b$%d\r\n%b\r\n%b$%d\r\n%b\r\n" % (
            self._admit, len(member), member, lease, len(count), count,
        )  # fmt: skip

    def settle(self, booked: BookedTokens, more: int, over: bool) -> bytes:
        """Book so many more tokens; over: and give the places back."""
        more = max(-LIMIT, min(more, LIMIT))
        member, count = booked.member if over else b"", b"%d" % more
        told: list[int | bytes] = [len(member), member, len(count), count]
        for number in booked.windows:
            text = b"%d" % number
            told += (len(text), text)
        return self._settle % tuple(told)

    # ------------------------------------------------------------------ answers
    def take(self, answer: Sequence[int], at: float) -> None:
        """Remember what was told."""
        for told, first, rules in self._parts:
            told.answer, told.at, told.first, told.rules = answer, at, first, rules

    def booked(self, answer: Sequence[int], member: bytes, tokens: int) -> BookedTokens:
        """What stands in Redis of a request it has granted."""
        tokens = min(tokens, LIMIT)
        windows: list[int] = []
        for at in self._tokens_at:
            windows += (answer[at], tokens) if tokens else (0, 0)
        return BookedTokens(self, member, tokens, windows)

    def levels(self, answer: Sequence[int]) -> tuple[Level, ...]:
        """For requests and for tokens, the rule that has the least room."""
        levels: dict[str, Level] = {}
        for at, counts, most, ms in self._windows:
            count = answer[at]
            left = most - count if count < most else 0
            reset = (min(answer[at + 1] - answer[4], 0) + ms) / 1000 if count else 0.0
            other = levels.get(counts)
            if other is None or (left, -reset) < (other.left, -other.reset):
                levels[counts] = Level(counts, most, left, reset)
        return tuple(levels.values())


def _template(keys: Sequence[bytes], rows: Sequence[Sequence[tuple[int, int]]]) -> bytes:
    """A call of SETTLE with gaps: length and text of the member, of the tokens, and of begin and
    tokens of each rule. What stands between them is packed once."""
    gap = b"$%d\r\n%b\r\n"

    def fixed(*words: bytes) -> bytes:
        return bulk(*words).replace(b"%", b"%%")

    made = fixed(b"EVALSHA", sha(SETTLE), b"%d" % len(keys), *keys)
    made += gap + gap + fixed(b"%d" % len(rows))
    words = 3 + len(keys) + 3
    for rules in rows:
        made += fixed(b"%d" % len(rules))
        for slot, ms in rules:
            made += fixed(b"%d" % slot, b"%d" % ms) + gap + gap
        words += 1 + 4 * len(rules)
    return b"*%d\r\n%b" % (words, made)
