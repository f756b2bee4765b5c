"""Which route a URL means, however its base is spelled; whose a URL is that means none.

    doors = Doors(mappings)
    doors.routes                                 # what the dialects declare, each once
    doors.credentials                            # headers where any of them takes a key
    doors.find("/v1/v1/models/a", headers)       # Door(route, rest="a"), or None
    doors.dialect_of("/v1/files", headers)       # in whose words an error about it is said

A client puts what it asks for behind a *base*, which a person has typed: with the version or
without it or with it twice, one that a provider's own clients use (`bases` of caller.toml), or a
whole route that was pasted. All spellings stand in one table, made of the declared routes; slashes
too many are passed over. Letters are taken as they are written, `%` too, save in a model's name.

Must never know: a request's key or body.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import unquote

from aisix.mapping.dialect.caller import ALIAS_IN_BASE, CallerDialect
from aisix.mapping.mappings import Mappings

EXCHANGE, COUNT, MODELS = "exchange", "count", "models"  # what a route is for
PASS, FORM = "pass", "form"  # ... as it is; files too
REFUSED = "refused"  # ... or that it is not served, and why
MOST_PARTS = 16  # of a path: behind them nobody looks for whose it is
_SLASHES = re.compile("/+")
_VERSION = re.compile(r"/v\d+(?=/)")


class Route(NamedTuple):
    """One route of one dialect. header: only requests with it are meant; below: what stands behind
    it is a name, and a route too; name: that of its [pass.NAME]."""

    path: str
    kind: str
    dialect: str
    method: str
    header: str | None = None
    below: bool = False
    name: str = ""


class Door(NamedTuple):
    """How a request came to its route. rest: the name behind the route; alias: the one that the
    base names; path: the canonical spelling of the URL."""

    route: Route
    path: str
    rest: str | None = None
    alias: str | None = None


def declared(callers: Collection[CallerDialect]) -> Iterator[Route]:
    """What the dialects declare; of those that share a path, who wants a header comes first."""
    for caller in callers:
        yield Route(caller.data["route"], EXCHANGE, caller.name, "POST")
        if caller.count is not None:
            yield Route(caller.count["route"], COUNT, caller.name, "POST")
    for caller in sorted(callers, key=lambda one: one.models_header is None):
        if caller.models_route is not None:
            header = caller.models_header
            yield Route(caller.models_route, MODELS, caller.name, "GET", header, below=True)
    for caller in callers:
        for name, row in caller.refused.items():
            header = caller.models_header if row.get("header") else None
            yield Route(row["route"], REFUSED, caller.name, "GET", header, below=True, name=name)
    for caller in callers:
        for name, row in caller.passes.items():
            kind = FORM if row.get("form") else PASS
            yield Route(row["route"], kind, caller.name, "POST", name=name)


class Doors:
    """The table of spellings, of one set of tables."""

    def __init__(self, mappings: Mappings) -> None:
        callers = mappings.callers
        self.routes = tuple(declared(callers.values()))
        self._no_names = {
            (caller.name, name): frozenset(row.get("no_names", ()))
            for caller in callers.values()
            for name, row in caller.refused.items()
        }
        self.default = next(
            (c.name for c in callers.values() if c.data.get("default")), next(iter(callers))
        )
        places = (name for caller in callers.values() for name, _ in caller.credentials)
        self.credentials = tuple(dict.fromkeys(name.lower() for name in places))
        self._spelled: dict[str, list[Route]] = {}
        self._below: dict[str, list[Route]] = {}  # by what stands before the name
        self._naming: dict[str, dict[str, list[Route]]] = {}  # before the alias -> behind it
        self._headers = {
            caller.models_header: name
            for name, caller in callers.items()
            if caller.models_header is not None
        }
        self._bases = {
            base.partition(ALIAS_IN_BASE)[0].rstrip("/") + "/": name
            for name, caller in reversed(callers.items())
            for base in caller.bases
        }
        for route in self.routes:
            self._add(route.path, route)
        for route in self.routes:
            version, tail = _parted(route.path)
            for base in self._bases_for(callers[route.dialect], version):
                before, alias, behind = base.partition(ALIAS_IN_BASE)
                if alias:
                    known = self._naming.setdefault(before, {})
                    known.setdefault(behind + tail, []).append(route)
                else:
                    self._add(base + tail, route)
        for known in self._naming.values():  # the longest first: one may end as another one does
            for tail in sorted(known, key=len, reverse=True):
                known[tail] = known.pop(tail)

    def _bases_for(self, caller: CallerDialect, version: str) -> Iterator[str]:
        """What may stand before a route of the dialect, whose own version is taken off."""
        yield from (version * times for times in range(4))  # many a client puts it there too
        for base in caller.bases:
            yield from (base + version * times for times in range(3))
        for route in self.routes:
            if route.dialect == caller.name and route.kind == EXCHANGE:  # the whole URL, as a base
                for pasted in (route.path, _parted(route.path)[1]):
                    yield from (pasted, pasted + version)

    def _add(self, spelled: str, route: Route) -> None:
        """The first route that is spelled so has it, with those that share its path."""
        known = self._spelled.setdefault(spelled, [route])
        if known[0].path == route.path and route not in known:
            known.append(route)
        if route.below:
            known = self._below.setdefault(spelled + "/", [route])
            if known[0].path == route.path and route not in known:
                known.append(route)

    def told(self, path: str) -> str:
        """What is answered, for an error about a path, the likest first, since a message may cut
        it: nothing of it depends on what is stored."""
        parts = {*path.lower().split("/", MOST_PARTS)}
        routes = sorted(self.routes, key=lambda one: -len(parts.intersection(one.path.split("/"))))
        said = (f"{one.method} {one.path}" for one in routes if one.kind != REFUSED)
        return ", ".join(dict.fromkeys(said))

    def find(self, path: str, headers: Container[str]) -> Door | None:
        """The route that a path means; the dialects that share one are told apart by a header."""
        plain = _plain(path)
        route = _meant(self._spelled.get(plain, ()), headers)
        if route is not None:
            return Door(route, route.path)
        for before, routes in self._below.items():
            for given in (path, plain):
                rest = given[len(before) :]
                if given.startswith(before) and rest.strip("/"):
                    route = _meant(routes, headers)
                    if route is not None and self._is_no_name(route, rest):
                        return None
                    return route and Door(route, f"{route.path}/{rest}", unquote(rest))
        for before, tails in self._naming.items():
            if plain.startswith(before):
                return _naming(plain[len(before) :], tails, headers)
        return None

    def _is_no_name(self, route: Route, rest: str) -> bool:
        """Whether what stands behind a route is a word, and no name of something kept."""
        words = self._no_names.get((route.dialect, route.name), ())
        return rest.strip("/").partition("/")[0] in words

    def dialect_of(self, path: str, headers: Container[str]) -> str:
        """The caller dialect of an error about `path`: that of the route it stands below, however
        oddly it is spelled, else the one whose header was sent or whose base it is, else the
        default one."""
        plain = _plain(unquote(path))
        parts = plain.split("/", MOST_PARTS)
        for end in range(len(parts), 1, -1):
            route = _meant(self._spelled.get("/".join(parts[:end]), ()), headers)
            if route is not None:
                return route.dialect
        sent = (name for header, name in self._headers.items() if header in headers)
        of_base = (name for base, name in self._bases.items() if f"{plain}/".startswith(base))
        return next(sent, None) or next(of_base, self.default)


def _meant(routes: Sequence[Route], headers: Container[str]) -> Route | None:
    """The one whose header was sent, if several share the path; the last of them wants none."""
    if len(routes) == 1 and routes[0].kind != REFUSED:
        return routes[0]
    return next((one for one in routes if one.header is None or one.header in headers), None)


def _naming(
    given: str, tails: Mapping[str, Sequence[Route]], headers: Container[str]
) -> Door | None:
    """What an alias and a route behind it mean. `tails`: the longest first."""
    if "/" + given in tails:  # the alias is missing
        return None
    for tail, routes in tails.items():
        alias, _, rest = given.partition(f"{tail}/") if routes[0].below else ("", "", "")
        route = _meant(routes, headers)
        if route is not None and given.endswith(tail):
            return Door(route, route.path, alias=unquote(given[: -len(tail)]))
        if route is not None and alias and rest:
            return Door(route, f"{route.path}/{rest}", unquote(rest), unquote(alias))
    return None


def _plain(path: str) -> str:
    """
    >>> _plain("//v1///models/"), _plain("/")
    ('/v1/models', '/')
    """
    if "//" in path or path[-1:] == "/":
        path = _SLASHES.sub("/", path).rstrip("/")
    return path or "/"


def _parted(route: str) -> tuple[str, str]:
    """
    >>> _parted("/v1/models"), _parted("/models")
    (('/v1', '/models'), ('', '/models'))
    """
    found = _VERSION.match(route)
    version = found[0] if found else ""
    return version, route[len(version) :]
