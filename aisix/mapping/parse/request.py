"""request.toml -> `RequestTables`, with every complaint."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from aisix.mapping.grammar.tables import UNITS
from aisix.mapping.parse.rules import Parser
from aisix.mapping.parse.structure import HEADER_NAME, in_toml
from aisix.mapping.parse.units import asked_for
from aisix.mapping.parse.vocabulary import odd_check
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import (
    Adjust,
    Check,
    Condition,
    Header,
    LocalAnswer,
    Refusal,
    RequestTables,
    Rest,
    Rule,
)
from aisix.mapping.verbs import adjustments

# What says where a request ends: with another length the rest of it would be read as the next one.
FRAMING = re.compile(
    r"(?i)connection|content-length|expect|keep-alive|te|trailer|transfer-encoding|upgrade"
)
SAID_OF_A_CHECK = ("alias", "param", "value")  # without `values` too; of no value "this value"


class RequestParser(Parser):
    """The request section of one mapping."""

    def request(self) -> RequestTables:
        """Parse the request section; call `complaints` afterwards."""
        self.section = "request"
        self.names_below(("request",))
        data = self.tables.get("request", {})
        data = self.unit(data, ("request",), "request")
        checks = tuple(
            self.check(name, row, ("request", "accept", name))
            for name, row in data.get("accept", {}).items()
        )
        lets = self.lets(data.get("let", {}))
        refusals = self.refusals(data.get("check", {}))
        fields = self.rules(data.get("field", {}), ("request", "field"), "")
        adjusts = tuple(
            self.adjust(name, row, ("request", "adjust", name))
            for name, row in data.get("adjust", {}).items()
        )
        rows = data.get("rest", {})
        rest = {name: self.rest(row, ("request", "rest", name)) for name, row in rows.items()}
        rest = {name: row for name, row in rest.items() if not self.off(rows[name])}
        if "*" not in rest:
            self.complain(("request", "rest"), '[rest] needs a "*" row for fields not listed')
            rest["*"] = Rest("warn")
        sent = {name: rule for _, rule in fields for name in _sends(rule)}
        for name, row in rest.items():
            if name in sent and row.policy == "warn" and not (row.drop or row.drop_empty):
                text = f"tells of it as dropped, and {sent[name].place.name} sends it on"
                where = f"{text} ({sent[name].place})"
                self.complain(("request", "rest", name), where, idle=True)
        said: set[str] = set()
        for name, rows in data.get("header", {}).items():
            at = ("request", "header", name)
            self.misnamed(rows, at)
            if not HEADER_NAME.fullmatch(name):
                self.complain(at, "is no name of a header")
            elif FRAMING.fullmatch(name):
                self.complain(at, "says how the request is sent: the gateway's own to say")
            elif name.lower() in said:
                self.complain(at, "is there twice: case makes no other header")
            said.add(name.lower())
        headers = tuple(
            Header(name, self.rules(rows, ("request", "header", name)))
            for name, rows in data.get("header", {}).items()
        )
        remember = self.words(data.get("remember", []), ("request", "remember"))
        names = {name for name, _ in lets}
        for word in remember:
            if word.startswith("state."):
                self.registers_read.append((word, ("request", "remember")))
            elif word not in names:
                self.unknown(("request", "remember"), "no [let]", word, names)
        local = tuple(
            self.local(row, ("request", "local", name))
            for name, row in data.get("local", {}).items()
        )
        for name, one in zip(data.get("local", {}), local, strict=True):
            self.check_remembered(one.guard, remember, ("request", "local", name))
        self.check_arranged()
        self.check_registers()
        return RequestTables(
            *(checks, lets, refusals, fields, adjusts, rest, frozenset(self.read), headers),
            remember,
            local,
        )

    def lets(self, data: dict[str, Json]) -> tuple[tuple[str, Rule], ...]:
        """All of them: a name that an option leaves out is still a name, of nothing."""
        at = ("request", "let")
        return tuple((name, self.rule(row, (*at, name), "")) for name, row in data.items())

    def refusals(self, data: dict[str, Json]) -> tuple[Refusal, ...]:
        made = []
        for name, row in data.items():
            at = ("request", "check", name)
            if self.off(row):
                self.unread(lambda r=row, a=at: self.refusal(r, a))  # type: ignore[misc]
            else:
                made.append(self.refusal(row, at))
        return tuple(made)

    def local(self, row: Json, at: tuple[str, ...]) -> LocalAnswer:
        """An answer given here, in the upstream's own shape."""
        row = self.unit(row, at, "local")
        guard = self.condition(row, at, "")
        if guard is None:
            self.complain(at, "a local answer needs `when`: requests it is for")
        tests = guard.when if guard else ()
        lets = (t.path.steps[0] for t in tests if t.path.root == "let" and t.kind != "absent")
        given = row.get("answer", {}), tuple(row.get("events", ())), str(next(lets, ""))
        return LocalAnswer(guard or Condition(), *given)

    def check_remembered(
        self, guard: Condition, remember: Collection[str], at: tuple[str, ...]
    ) -> None:
        """By then the [let]s are gone, but for those the answer may ask for."""
        for test in guard.tests:
            if test.path.root == "let" and test.path.steps[0] not in remember:
                text = "is forgotten before a local answer is looked for: name it in `remember`"
                self.complain(at, f"{test.path.text} {text}")

    def check(self, name: str, row: Json, at: tuple[str, ...]) -> Check:
        path = self.path(name, at)
        if None in path.steps:
            text = "expected a path of fields, without [ ]: what an item may have, its [shape] says"
            self.complain(at, f"{text} (`type` and `required` of its rules)")
        row = self.unit(row, at, "accept")
        low, high = self.range(row, at)
        match = self.regex(row["match"], (*at, "match")) if "match" in row else None
        types = self.words(row.get("type", []), (*at, "type"))
        if "longest" in row and types and not {"array", "object"}.intersection(types):
            most = f"(?s)^.{{0,{row['longest']}}}$"
            text = f"counts items of a list and fields of an object; of a text, match = '{most}'"
            self.complain((*at, "longest"), text, idle=True)
        check = Check(
            path,
            types,
            self.place(at),
            low,
            high,
            tuple(row.get("one_of", [])),
            match,
            row.get("required", False),
            self.fault(row.get("empty", ""), (*at, "empty")),
            row.get("longest"),
            self.fault(row.get("reject", ""), (*at, "reject")),
            self.words(row.get("values", []), (*at, "values")),
        )
        for key, why, idle in odd_check(check, row):
            self.complain((*at, key), why, idle=idle)
        return check

    def range(self, row: dict[str, Json], at: tuple[str, ...]) -> tuple[Json, Json]:
        """The least and the largest number; None where there is none."""
        span = row.get("range")
        if span is None:
            return None, None
        numbers = len(span) == 2 and all(type(end) in (int, float) for end in span)
        if numbers and span[0] <= span[1]:
            return span[0], span[1]
        self.complain((*at, "range"), f"expected [low, high], found {in_toml(span)}")
        return None, None

    def refusal(self, row: dict[str, Json], at: tuple[str, ...]) -> Refusal:
        row = self.unit(row, at, "check")
        texts = self.words(row.get("at", []), (*at, "at"))
        places = tuple(self.path(text, (*at, "at")) for text in texts)
        for path in places:
            self.top(path, "", (*at, "at"))
        self.unsaid(row, at)
        return Refusal(
            self.condition(row, at, "") or Condition(),
            self.fault(row.get("reject", ""), (*at, "reject")),
            places,
            self.place(at),
            row.get("values", {}),
        )

    def unsaid(self, row: dict[str, Json], at: tuple[str, ...]) -> None:
        """Tell of a name that the text of the fault asks for, and nothing here says."""
        kind = row.get("reject", "")
        fault = (self.facts.get("fault") or {}).get(kind, {})
        for _, name in asked_for(fault.get("message", ""), lookups=True):
            known = name[:1] == "$" or name in SAID_OF_A_CHECK  # "$": a text is no lookup
            if not known and name not in row.get("values", {}):
                text = f'the text of [fault.{kind}] asks for it: values = {{ {name} = "..." }}'
                self.complain((*at, "values", name), text)

    def adjust(self, name: str, row: Json, at: tuple[str, ...]) -> Adjust:
        row = self.unit(row, at, "adjust")
        verb = row.get("verb")
        if verb not in adjustments.ADJUSTMENTS:
            if verb is not None:
                known = adjustments.ADJUSTMENTS
                self.unknown((*at, "verb"), "unknown adjustment", verb, known)
            return Adjust(name, "remove", {}, Condition(), "", (), self.place(at))
        declared = UNITS["adjust"].by_name
        options = {key: value for key, value in row.items() if key not in declared}
        options = self.options(options, at, adjustments.ADJUSTMENTS[verb])
        about = self.words(row.get("about", []), (*at, "about"))
        return Adjust(
            name,
            verb,
            options,
            self.condition(row, at),
            row.get("told", ""),
            tuple(self.path(text, (*at, "about")) for text in about),
            self.place(at),
        )

    def rest(self, row: Json, at: tuple[str, ...]) -> Rest:
        row = self.unit(row, at, "rest")
        for test in (self.condition(row, at) or Condition()).tests:
            if test.path.root != "option":
                self.complain(at, f'"{test.path.text}": a row here may ask for options only')
        policy = row.get("policy", "warn")
        for key in ("drop", "drop_empty", "items", "reject"):
            vain = policy != "reject" if key == "reject" else policy in ("drop", "pass")
            if key in row and vain and self.knew((*at, key), (*at, "policy")):
                self.complain((*at, key), f'never acts: the policy is "{policy}"', idle=True)
        drop, drop_empty = tuple(row.get("drop", [])), row.get("drop_empty", False)
        return Rest(
            policy,
            drop,
            drop_empty,
            # Where nothing is taken away, a list is one value, an empty one as well.
            bool(row.get("items") and (drop or drop_empty)),
            self.place(at),
            self.fault(row.get("reject", ""), (*at, "reject")),
        )


def _sends(rule: Rule) -> Iterator[str]:
    """The caller's fields that a rule of [field] writes something of whenever they are there."""
    if rule.guard is not None or rule.policy:
        return
    for path in rule.paths[:1]:  # of several the first that is there
        if path.root == "" and path.steps:
            yield str(path.steps[0])
    for _, part in rule.parts if rule.kind == "object" else ():
        yield from _sends(part)
