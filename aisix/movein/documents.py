"""One document of the original AISIX -> one of ours, by the rows of its kind.

    moved = moved_document("provider_keys", {"api_key": "sk-1", "provider": "deepseek", ...})
    moved.document   {"secret": "sk-1", ...}, for the checks of our kind
    moved.said       one row for each field that was given
    moved.wrong      complaints; not empty: it does not serve
    moved.unknown    fields the original does not have either: in none of the above

Its kinds are `provider_keys`, `models`, `api_keys`. A group is a model with `routing` as an object;
`routing` as a text beside `targets` is ours and stays.

Must never know: other documents, etcd, a file, our kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from aisix.errors import Complaint
from aisix.movein.declared import (
    DIFFERENT,
    NOT_SERVED,
    REFUSED,
    RENAMED,
    SAME,
    KindRows,
    TheirRow,
    TheirSaid,
    kinds,
    leaves,
    put,
    row_of,
)
from aisix.movein.turns import NOTHING, turned

FORMS = ("routing", "ensemble", "semantic")  # a model is one of these, or direct
DIRECT = ("provider", "model_name", "provider_key_id")
INAPPLICABLE = "inapplicable:"  # before a field that does nothing in a group
OTHER_COMPANY = "other"  # where none is named
NO_ADAPTER = "none"  # of a provider key that names none: no table speaks it


@dataclass(slots=True)
class MovedDocument:
    """What became of one document; `where` stands in front of complaints."""

    document: dict[str, Any] = field(default_factory=dict, repr=False)
    said: list[TheirSaid] = field(default_factory=list)
    wrong: list[Complaint] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def ignored(self) -> tuple[str, ...]:
        """The fields that are known there and do nothing, or something else, here."""
        return tuple(sorted(one.name for one in self.said if one.lost))


def moved_document(kind: str, given: Mapping[str, Any], where: str = "") -> MovedDocument:
    """Any document of a kind that is served; nulls are as left out. Nothing is changed in place."""
    rows = kinds()[kind]
    moved = MovedDocument()
    flat = {name: value for name, value in leaves(given, rows.fields) if value is not None}
    adapter = _adapter(rows, given)
    for name, value in flat.items():
        row = row_of(rows.fields, name)
        if row is None:
            moved.unknown.append(name)
        else:
            _take(moved, row, name, value, flat, adapter, where)
    if kind == "provider_keys":
        _provider_key(moved, rows, given, adapter, where)
    elif kind == "models":
        _model(moved, rows, given, where)
    moved.unknown.sort()
    return moved


def _take(
    moved: MovedDocument,
    row: TheirRow,
    name: str,
    value: Any,
    beside: Mapping[str, Any],
    adapter: str | None,
    where: str,
) -> None:
    if name == "routing" and isinstance(value, str):  # ours
        put(moved.document, name, value)
        return
    if any(value == one and type(value) is type(one) for one in row.nothing):
        moved.said.append(TheirSaid(where, name, SAME))
        return
    if row.only_for and adapter != row.only_for:
        why = "is for another adapter; there it is passed over too"
        moved.said.append(TheirSaid(where, name, NOT_SERVED, "", why))
        return
    if row.outcome == REFUSED:
        moved.said.append(TheirSaid(where, name, REFUSED, "", row.why))
        moved.wrong.append(Complaint(where, name, row.why))
        return
    told = ""
    if row.ours:
        fresh, told = turned(row.turn, value, beside)
        if fresh is not NOTHING and not put(moved.document, row.ours, fresh):
            text = f"is another name of `{row.ours}`: give one of them"
            moved.wrong.append(Complaint(where, name, text))
    outcome = DIFFERENT if told else row.outcome
    ours = row.ours if row.outcome == RENAMED else ""
    moved.said.append(TheirSaid(where, name, outcome, ours, told or row.why))


# ---------------------------------------------------------------- provider keys
def _adapter(rows: KindRows, given: Mapping[str, Any]) -> str | None:
    """`provider` decides where it is the name of an adapter itself, else `adapter`."""
    deciding = rows.words.get("adapters", ())
    provider, adapter = given.get("provider"), given.get("adapter")
    chosen = provider if provider in deciding else adapter
    return chosen if isinstance(chosen, str) else None


def adapter_of(given: Mapping[str, Any]) -> str | None:
    """Of a provider key's document."""
    return _adapter(kinds()["provider_keys"], given)


def _provider_key(
    moved: MovedDocument,
    rows: KindRows,
    given: Mapping[str, Any],
    adapter: str | None,
    where: str,
) -> None:
    words, document = rows.words, moved.document
    if adapter is None and given.get("adapter") is None:
        why = f"is not said: calls are refused (served: {', '.join(words['served'])})"
        moved.said.append(TheirSaid(where, "adapter", DIFFERENT, "", why))
        adapter = NO_ADAPTER
    elif adapter not in words["served"]:
        what = "is not served" if adapter in words["refused"] else "is no adapter"
        text = f"{what} (served: {', '.join(words['served'])})"
        moved.wrong.append(Complaint(where, "adapter", text))
        return
    if document.get("adapter") not in (None, adapter):
        why = "the provider of this name has its own adapter, which wins there too"
        moved.said.append(TheirSaid(where, "adapter", DIFFERENT, "", why))
    document["adapter"] = adapter
    company = document.get("provider") or ""
    if isinstance(company, str):
        document["provider"] = _slug(company) or (adapter if not company else OTHER_COMPANY)
        if company and document["provider"] != company:
            why = f"is shown as {document['provider']}: a name of a-z, 0-9, `.`, `_` and `-`"
            moved.said.append(TheirSaid(where, "provider", DIFFERENT, "", why))
    base = document.get("api_base")
    if base == "":
        del document["api_base"]
    elif isinstance(base, str) and adapter in words["kept_paths"]:
        document["api_base"] = _api_base(base, words)


def _slug(text: str) -> str:
    """
    >>> _slug("Deep Seek"), _slug("deepseek")
    ('deep-seek', 'deepseek')
    """
    kept = "".join(
        one if one.isascii() and (one.isalnum() or one in "._-") else "-" for one in text
    )
    return kept.lower().strip("._-")[:64]


def _api_base(given: str, words: Mapping[str, Any]) -> str:
    """Where the path of an operation is put behind *as it stands*: no prefix is put in between,
    but for the host whose own that is. `/.` is how our `api_base` says "no path, and no prefix"."""
    base, mark, query = given.strip().partition("?")
    base = base.rstrip("/")
    for ending in words["pasted"]:
        if base.endswith(ending):
            base = base[: -len(ending)].rstrip("/")
            break
    try:
        bare = not urlsplit(base).path
    except ValueError:  # our own check says what is wrong with it
        return given
    if bare and base not in words["bases"].values():
        base += "/."
    return base + mark + query


# ---------------------------------------------------------------- models
def _model(moved: MovedDocument, rows: KindRows, given: Mapping[str, Any], where: str) -> None:
    forms = [name for name in FORMS if given.get(name) is not None]
    if "targets" in moved.document or isinstance(given.get("routing"), str):
        return  # ours
    direct = [name for name in DIRECT if given.get(name) is not None]
    if len(forms) > 1 or (forms and direct):
        both = ", ".join([*forms, *direct])
        text = f"is one of a direct model, {', '.join(FORMS)}; this has {both}"
        moved.wrong.append(Complaint(where, "", text))
    document, words = moved.document, rows.words
    for name in words["dead"] if forms else ():
        if given.get(name) is not None:
            document.pop(name, None)
            moved.unknown.append(f"{INAPPLICABLE}{name}")
    adapter = document.get("provider")
    if isinstance(adapter, str) and adapter in words["own_dialects"] and not forms:
        document.setdefault("adapters", {words["own_dialects"][adapter]: adapter})
    options = {}
    if any(document.get(name) for name in ("timeout", "stream_timeout")):
        options[words["waits"]] = True
    marks, of_marks = given.get("auto_prompt_caching"), words["breakpoints"]
    if marks is not None and not forms and not _is_marks(marks, of_marks["times"]):
        text = f"must be `enabled`, true or false, and `ttl`, one of {', '.join(of_marks['times'])}"
        moved.wrong.append(Complaint(where, "auto_prompt_caching", text))
    price = document.get("cost")
    if isinstance(price, dict) and any(price.get(name) is None for name in words["cost"]):
        moved.wrong.append(Complaint(where, "cost", f"required: {' and '.join(words['cost'])}"))
    if isinstance(marks, Mapping) and marks.get("enabled") is True and not forms:
        options[of_marks["option"]] = marks.get("ttl") or of_marks["usual"]
    own = document.get("options")
    if options and (own is None or isinstance(own, dict)):
        document["options"] = {**options, **(own or {})}
    silence = document.get("stream_timeout")
    if silence == 0:
        del document["stream_timeout"]
        silence = None
    if silence is None and document.get("timeout") is not None:
        document["stream_timeout"] = document["timeout"]


def _is_marks(given: Any, times: list[str]) -> bool:
    if not isinstance(given, Mapping) or type(given.get("enabled")) is not bool:
        return False
    return given.get("ttl") is None or given["ttl"] in times
