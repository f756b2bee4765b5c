"""A resources file: every provider key, model and api key in one YAML document, with `${NAME}`s.

    provider_keys:
      - id: main                        # left out: made from the display_name
        display_name: prod
        provider: some-provider
        secret: ${PROVIDER_KEY}         # from the environment; $${ is a plain ${
    models:
      - {display_name: small, provider: some-provider, model_name: m-1, provider_key_id: main}
    apikeys:
      - {key_hash: 2cf24d..., allowed_models: [small]}

`read` turns its text into what an import takes, `written` makes such a text of a snapshot.
Complaints name file, line and path. Values are taken as JSON has them: a YAML date stays text. A
file with `_format_version` is the original AISIX's: `movein/resources.py` reads it into the same.

Must never know: which documents are acceptable, the process's environment. Never quotes a value.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from aisix.errors import Complaint, OperatorError
from aisix.movein.declared import TheirSaid
from aisix.movein.resources import VERSION_FIELD, moved_resources
from aisix.store.batch import ImportItem
from aisix.store.kinds.checks import ID, said
from aisix.store.kinds.declare import Kind
from aisix.store.kinds.registry import KINDS
from aisix.store.resources import Document
from aisix.store.snapshot import Snapshot

REFERENCE = re.compile(r"\$(\$\{|\{([A-Za-z_][A-Za-z0-9_]*)\}|\{)")
_Fast = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as quick
_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# A file that is cut off, or being written, must not take everything away.
NOTHING = "is empty; if nothing is wanted, say so: `models: []`"
NAMED_ONE = re.compile(r"[^A-Za-z0-9]+")
THEIRS = re.compile(rf"^([\"']?){VERSION_FIELD}\1 *:", re.MULTILINE)


class Lines:
    """Where each path of a file stands; a path that is not there has its parent's line."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._at: dict[str, int] = {}
        self.said: list[TheirSaid] = []  # of a file of the original's: what became of each field
        self.not_served: dict[str, int] = {}  # how many there are of kinds that are not
        self.unguarded: dict[str, str] = {}  # of those, kinds that restrict, and what is told of it

    def note(self, path: str, line: int) -> bool:
        """False when this path is there already."""
        return self._at.setdefault(path, line) == line

    def where(self, path: str) -> str:
        """ "name:line" of a path."""
        while path and path not in self._at:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return f"{self._name}:{self._at.get(path, 1)}"

    def placed(self, complaints: Sequence[Complaint]) -> list[Complaint]:
        """The complaints with file and line, in the file's order."""
        told = [Complaint(self.where(c.path), c.path, c.text) for c in complaints]
        return sorted(told, key=lambda c: int(c.where.rpartition(":")[2]))


def read(
    text: str, name: str, environ: Mapping[str, str], theirs: bool = False
) -> tuple[list[ImportItem], Lines]:
    """What the file asks for, in its order; OperatorError with every fault of its form. theirs: it
    must be one of the original's."""
    if THEIRS.search(text):  # read by other rules: there `on` is a name as any other
        return _theirs(text, name, environ)
    lines = Lines(name)
    data = _parse(text, name, lines)
    if VERSION_FIELD in data:
        return _theirs(text, name, environ)
    if theirs:
        raise OperatorError([Complaint(f"{name}:1", "", f"missing mandatory {VERSION_FIELD}")])
    wrong: list[Complaint] = []
    items: list[ImportItem] = []
    sections = KINDS.paths()
    for section, content in data.items():
        kind = sections.get(section)
        if kind is None:
            near = difflib.get_close_matches(section, sections, 1)
            hint = f'did you mean "{near[0]}"?' if near else "known: " + ", ".join(KINDS.names)
            wrong.append(Complaint("", section[:60], f"unknown section ({hint})"))
        elif not isinstance(content, list | None):
            wrong.append(Complaint("", section, f"must be a list, not {said(content)}"))
        else:
            for place, item in enumerate(content or ()):
                path = f"{section}[{place}]"
                if isinstance(item, dict):
                    body = _filled(item, path, environ, wrong)
                    items.append(ImportItem(kind.name, _id(kind, body, path, wrong), body, path))
                else:
                    wrong.append(Complaint("", path, f"must be an object, not {said(item)}"))
    if wrong:
        raise OperatorError(lines.placed(wrong))
    return items, lines


def _theirs(text: str, name: str, environ: Mapping[str, str]) -> tuple[list[ImportItem], Lines]:
    """A file of the original's; its names of kinds are aliases of ours."""
    lines = Lines(name)
    data = _parse(text, name, lines, CoreLoader)
    if any(getattr(event, "anchor", None) for event in yaml.parse(text, _Fast)):
        raise OperatorError([Complaint(f"{name}:1", "", "anchors and references are not read")])
    moved = moved_resources(data, environ)
    if moved.wrong:
        raise OperatorError(lines.placed(moved.wrong))
    kinds = KINDS.paths()
    lines.said, lines.not_served, lines.unguarded = moved.said, moved.not_served, moved.unguarded
    items = [ImportItem(kinds[kind].name, id, body, path) for kind, id, body, path in moved.items]
    return items, lines


def written(snapshot: Snapshot, *, with_secrets: bool) -> str:
    """The snapshot as a file that `read` takes; secrets in clear, or as names to be filled in."""
    data: dict[str, list[Document]] = {kind.name: [] for kind in KINDS}
    names: set[str] = set()
    for entry in snapshot.all_entries():
        document = _escaped({"id": entry.id, **entry.document})
        if not with_secrets:
            for name, texts in KINDS[entry.kind].hidden(entry.document).items():
                shown = {key: f"${{{_variable(f'{entry.id}_{key}', names)}}}" for key in texts}
                document[name] = {**document[name], **shown}
        field = KINDS[entry.kind].secret
        if entry.secret is not None and field:
            name = _variable(entry.id, names)
            document[field.name] = _escaped(entry.secret) if with_secrets else f"${{{name}}}"
        data[entry.kind].append(document)
    text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)
    return text


# ---------------------------------------------------------------- reading
class _Loader(_Fast):  # type: ignore[misc, valid-type]
    """YAML with the values JSON has: a date is a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, rule) for tag, rule in rules if not tag.endswith(":timestamp")]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class CoreLoader(_Fast):  # type: ignore[misc, valid-type]
    """By the core rules of YAML 1.2: `yes`, `on`, `1:30` and `1_000` are texts, 010 is ten."""


def _core_int(loader: Any, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))


def _core_float(loader: Any, node: yaml.ScalarNode) -> float:
    return float(
        str(loader.construct_scalar(node)).lower().replace(".inf", "inf").replace(".nan", "nan")
    )


CoreLoader.yaml_implicit_resolvers = {}
for _tag, _rule, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    (
        "float",
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)"
        r"|\.(?:nan|NaN|NAN)",
        "-+0123456789.",
    ),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_rule})$"), list(_first)
    )
CoreLoader.add_constructor("tag:yaml.org,2002:int", _core_int)
CoreLoader.add_constructor("tag:yaml.org,2002:float", _core_float)


def _parse(
    text: str, name: str, lines: Lines, made: Callable[[str], Any] = _Loader
) -> dict[str, Any]:
    loader = None
    try:
        loader = made(text)
        node = loader.get_single_node()
        if node is None:
            raise OperatorError([Complaint(f"{name}:1", "", NOTHING)])
        _note(node, "", lines, name)
        data = loader.construct_document(node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or "not valid YAML"
        where = f"{name}:{mark.line + 1 if mark is not None else 1}"
        raise OperatorError([Complaint(where, "", f"not valid YAML: {problem}")]) from None
    except RecursionError:
        raise OperatorError([Complaint(f"{name}:1", "", "nested too deeply")]) from None
    except ValueError:
        raise OperatorError([Complaint(f"{name}:1", "", "holds a value that is none")]) from None
    finally:
        if loader is not None:
            loader.dispose()
    if data is None:
        raise OperatorError([Complaint(f"{name}:1", "", NOTHING)])
    if not isinstance(data, dict):
        raise OperatorError([Complaint(f"{name}:1", "", f"must hold {', '.join(KINDS.names)}")])
    return data


def _note(node: yaml.Node, path: str, lines: Lines, name: str) -> None:
    """The line of every path; a name that is there twice, or is no text, is refused."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode) or key.tag != "tag:yaml.org,2002:str":
                text = "a name must be a text: put it in quotes"
                raise OperatorError([Complaint(f"{name}:{line}", path, text)])
            below = f"{path}.{key.value}" if path else key.value
            if not lines.note(below, line):
                raise OperatorError([Complaint(f"{name}:{line}", below, "is there twice")])
            _note(value, below, lines, name)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            lines.note(f"{path}[{place}]", value.start_mark.line + 1)
            _note(value, f"{path}[{place}]", lines, name)


def _filled(value: Any, path: str, environ: Mapping[str, str], wrong: list[Complaint]) -> Any:
    """The value with every `${NAME}` replaced; bytes and sets of YAML are refused."""
    if isinstance(value, str):
        return REFERENCE.sub(lambda found: _reference(found, path, environ, wrong), value)
    if isinstance(value, dict):
        return {k: _filled(v, f"{path}.{k}", environ, wrong) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(v, f"{path}[{n}]", environ, wrong) for n, v in enumerate(value)]
    number = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    if value is not None and not number:
        wrong.append(Complaint("", path, "must be a text, a number, a list or an object"))
    return value


def _reference(
    found: re.Match[str], path: str, environ: Mapping[str, str], wrong: list[Complaint]
) -> str:
    if found[1] == "${":
        return "${"
    name = found[2]
    if name is None:
        wrong.append(Complaint("", path, "expected ${NAME}; for a plain ${ write $${"))
        return ""
    if name not in environ:
        wrong.append(Complaint("", path, f"the environment variable {name} is not set"))
    return environ.get(name, "")


def _id(kind: Kind, body: Document, path: str, wrong: list[Complaint]) -> str:
    """The id it is given, else one made of its name, the same at each reading."""
    given = body.pop("id", None)
    if given is not None:
        if not isinstance(given, str) or not ID.fullmatch(given):
            text = "must be 1 to 128 of letters, digits, `.`, `_` and `-`, a letter or digit first"
            wrong.append(Complaint("", f"{path}.id", text))
            return path
        return given
    own = next((body[name] for name in kind.unique if body.get(name)), None)
    if not isinstance(own, str):
        return path  # it is refused for lack of a name
    if kind.named_by_id and ID.fullmatch(own):
        return own
    return f"{kind.id_prefix}-{hashlib.sha256(own.encode('utf-8', 'replace')).hexdigest()[:12]}"


# ---------------------------------------------------------------- writing
def _escaped(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, dict):
        return {key: _escaped(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_escaped(below) for below in value]
    return value


def _variable(id: str, taken: set[str]) -> str:
    """An environment variable's name for the secret of this id."""
    stem = "SECRET_" + NAMED_ONE.sub("_", id).strip("_").upper()
    name, number = stem, 2
    while name in taken:
        name, number = f"{stem}_{number}", number + 1
    taken.add(name)
    return name
