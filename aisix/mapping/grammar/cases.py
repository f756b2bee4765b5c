"""cases/NAME/: a golden case, its case.toml and the names of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aisix.mapping.grammar.declared import Key, file
from aisix.mapping.grammar.kinds import (
    BOOLEAN,
    FILLED_WORDS,
    INTEGER,
    OBJECT,
    TEXT,
    TEXTS_BY_NAME,
    TRAITS,
)

CASE = file(
    "case",
    "cases/NAME/case.toml: what a golden case is about, and what differs from the usual",
    Key("reason", TEXT, "what it shows", "a limit above the model's is clamped", for_people=True),
    Key("section", TEXT, "where the provider says so", "3.2", for_people=True),
    Key("model", TEXT, "the upstream's model; none: that of the unknown row", "acme-large"),
    Key("alias", TEXT, "the caller's name for it", "some"),
    Key("version", TEXT, "version of the upstream's API", "v2"),
    Key("strict", BOOLEAN, "a loss is refused", True, False),
    Key("options", OBJECT, "options of the alias", {"loud": True}),
    Key("traits", TRAITS, "traits of the alias", ["loud"]),
    Key(
        "overlay",
        FILLED_WORDS,
        "tables the alias carries itself, each a text of TOML or of a JSON object",
        ["[request.field.limit]\nmax = 10"],
    ),
    Key("now", INTEGER, "the time, in Unix seconds", 1795000000, 1795000000),
    Key("caller_headers", TEXTS_BY_NAME, "headers of the caller's request", {"x-mode": "fast"}),
    Key("headers", TEXTS_BY_NAME, "headers that the upstream must get", {"x-mode": "fast"}),
    Key("warnings", TEXT, "exactly what the caller is told", "limit=clamped"),
    Key("status", INTEGER, "the caller's status", 400),
    Key("upstream_status", INTEGER, "the upstream's status", 529, 200),
    Key("upstream_headers", TEXTS_BY_NAME, "headers of its answer", {"retry-after": "5"}),
    Key(
        "answer_headers",
        TEXTS_BY_NAME,
        "exactly those of the caller's answer that the tables make",
        {"retry-after": "5"},
    ),
    Key("odd", BOOLEAN, "the upstream would refuse it", True, False),
    example="""
reason = "a limit above the model's is clamped, and the caller is told"
model = "acme-large"
warnings = "limit=clamped"
""",
)


ROUND = re.compile("[2-9]|[1-9][0-9]")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """One kind of file beside case.toml. `{N}` in a name: 2, 3 and so on, a paused turn's round."""

    name: str
    about: str
    given: bool  # it says what comes in; else what must come out

    def fits(self, name: str) -> bool:
        """
        >>> CaseFile("a-{N}.json", "", True).fits("a-2.json")
        True
        """
        begins, numbered, ends = self.name.partition("{N}")
        if not numbered:
            return name == self.name
        number = name.removeprefix(begins).removesuffix(ends)
        return name == f"{begins}{number}{ends}" and bool(ROUND.fullmatch(number))


CASE_FILES = (
    CaseFile(
        "caller-request.json", "what the caller sends; without it, the dialect's sample", True
    ),
    CaseFile("upstream-request.json", "what the upstream must get", False),
    CaseFile("caller-error.json", "the error that the caller must get instead", False),
    CaseFile("upstream-response.json", "what the upstream answers", True),
    CaseFile("upstream-response.txt", "... when that is no JSON", True),
    CaseFile("caller-response.json", "what the caller must get", False),
    CaseFile("upstream-stream.sse", "what the upstream answers as a stream", True),
    CaseFile("caller-stream.sse", "what the caller must get of it", False),
    CaseFile("upstream-request-{N}.json", "of a paused turn: the next request", False),
    CaseFile("upstream-response-{N}.json", "... and its answer", True),
    CaseFile("upstream-stream-{N}.sse", "... and its stream", True),
)
# Keys of case.toml that say what must come out.
EXPECTED_KEYS = ("headers", "warnings", "status", "answer_headers")
