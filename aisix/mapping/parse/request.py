"""request.toml -> `RequestTables`, with every complaint."""

from __future__ import annotations

from aisix.mapping.parse.reader import CHECK_KEYS, REST_POLICIES, TYPES
from aisix.mapping.parse.rules import Parser
from aisix.mapping.parse.structure import found
from aisix.mapping.syntax.paths import Json
from aisix.mapping.syntax.rules import (
    Adjust,
    Check,
    Condition,
    Header,
    Refusal,
    RequestTables,
    Rest,
    Rule,
)
from aisix.mapping.verbs import adjustments


class RequestParser(Parser):
    """The request section of one mapping."""

    def request(self) -> RequestTables:
        """Parse the request section; call `complaints` afterwards."""
        self.section = "request"
        data = self.tables.get("request", {})
        known = (
            "accept",
            "let",
            "check",
            "field",
            "shape",
            "adjust",
            "rest",
            "header",
            "remember",
            "convert",
            "local",
        )
        self.keys(data, ("request",), known)
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
        headers = tuple(
            Header(name, self.rules(rows, ("request", "header", name)))
            for name, rows in data.get("header", {}).items()
            if isinstance(rows, dict)
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

    def local(self, row: Json, at: tuple[str, ...]) -> tuple[Condition, dict[str, Json]]:
        """An answer given here, in the upstream's own shape."""
        if not isinstance(row, dict):
            self.complain(at, "expected a table")
            return Condition(), {}
        self.keys(row, at, ("when", "unless", "match", "answer"))
        guard = self.condition(row, at, "")
        if guard is None:
            self.complain(at, "a local answer needs `when`: requests it is for")
        return guard or Condition(), self.typed(row, (*at, "answer"), dict, {})

    def check(self, name: str, row: Json, at: tuple[str, ...]) -> Check:
        path = self.path(name, at)
        if isinstance(row, str):
            row = {"type": row}
        if not isinstance(row, dict):
            self.complain(at, 'expected a type such as "string", or a table')
            row = {}
        self.keys(row, at, CHECK_KEYS)
        low, high = None, None
        if "range" in row:
            span = row["range"]
            if isinstance(span, list) and len(span) == 2:
                low, high = span
            else:
                self.complain((*at, "range"), f"expected [low, high], found {span!r}")
        match = self.regex(row["match"], (*at, "match")) if "match" in row else None
        return Check(
            path,
            self.words(row.get("type", []), (*at, "type"), TYPES),
            self.place(at),
            low,
            high,
            tuple(self.typed(row, (*at, "one_of"), list, [])),
            match,
            self.typed(row, (*at, "required"), bool, False),
            self.fault(self.typed(row, (*at, "empty"), str, ""), (*at, "empty")),
            self.typed(row, (*at, "longest"), int, None),
            self.fault(self.typed(row, (*at, "reject"), str, ""), (*at, "reject")),
            self.words(row.get("values", []), (*at, "values"), TYPES),
        )

    def refusal(self, row: dict[str, Json], at: tuple[str, ...]) -> Refusal:
        self.keys(row, at, ("when", "unless", "match", "reject", "at", "values"))
        texts = self.words(row.get("at", []), (*at, "at"))
        return Refusal(
            self.condition(row, at, "") or Condition(),
            self.fault(self.typed(row, (*at, "reject"), str, ""), (*at, "reject")),
            tuple(self.path(text, (*at, "at")) for text in texts),
            self.place(at),
            self.typed(row, (*at, "values"), dict, {}),
        )

    def adjust(self, name: str, row: Json, at: tuple[str, ...]) -> Adjust:
        verb = self.typed(row, (*at, "verb"), str, "")
        if verb not in adjustments.ADJUSTMENTS:
            self.unknown((*at, "verb"), "unknown adjustment", str(verb), adjustments.ADJUSTMENTS)
            return Adjust(name, "remove", {}, Condition(), "", (), self.place(at))
        common = ("verb", "when", "unless", "match", "told", "about")
        options = {key: value for key, value in row.items() if key not in common}
        options = self.options(options, at, adjustments.ADJUSTMENTS[verb])
        about = self.words(row.get("about", []), (*at, "about"))
        return Adjust(
            name,
            verb,
            options,
            self.condition(row, at),
            self.typed(row, (*at, "told"), str, ""),
            tuple(self.path(text, (*at, "about")) for text in about),
            self.place(at),
        )

    def rest(self, row: Json, at: tuple[str, ...]) -> Rest:
        said = (*at, "policy")
        if isinstance(row, str):
            row, said = {"policy": row}, at
        if not isinstance(row, dict):
            self.complain(at, f"expected a policy or a table, found {found(row)}")
            return Rest("warn")
        self.keys(row, at, ("policy", "drop", "drop_empty", "items", "reject", "when", "unless"))
        for test in (self.condition(row, at) or Condition()).tests:
            if test.path.root != "option":
                self.complain(at, f'"{test.path.text}": a row here may ask for options only')
        policy = self.typed(row, (*at, "policy"), str, "warn")
        if policy not in REST_POLICIES:
            self.unknown(said, "unknown policy", str(policy), REST_POLICIES)
        return Rest(
            policy,
            tuple(self.typed(row, (*at, "drop"), list, [])),
            self.typed(row, (*at, "drop_empty"), bool, False),
            self.typed(row, (*at, "items"), bool, False),
            self.place(at),
            self.fault(self.typed(row, (*at, "reject"), str, ""), (*at, "reject")),
        )
