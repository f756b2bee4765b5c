"""The kind of api keys: they let callers in, and are known only by the hash of their text.

Must never know: how a key comes with a request.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import Any

from voluptuous import Invalid

from aisix.store.kinds import checks
from aisix.store.kinds.declare import Argument, Column, Command, Field, Incoming, Kind, Type
from aisix.store.kinds.lenient import lenient_text
from aisix.store.kinds.limits import RATE_LIMIT
from aisix.store.kinds.types import FLAG, KEY_HASH, MOMENT, NAME, PATTERNS
from aisix.store.resources import ApiKey, Document, seconds

KEY_PREFIX = "sk-aisix-"


def hash_of(key: str) -> str:
    """The form in which a caller's key is stored and looked up: SHA-256 in lowercase hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def make_key() -> str:
    """The text of a new caller's key: 256 random bits."""
    return KEY_PREFIX + secrets.token_urlsafe(32)


def _generated(incoming: Incoming, body: Document) -> None:
    """`generate`: true makes a key."""
    asked = body.pop("generate")
    if asked is False:
        return
    incoming.explained("key_hash")
    if asked is not True:
        incoming.refuse("generate", "must be true or false")
    elif not incoming.new_key:
        text = "a key is made by the admin API, not in a file: give `key_hash`"
        incoming.refuse("generate", text)
    elif incoming.stored is not None:
        # A script run twice: the key is there already. A new text is what rotate is for.
        body["key_hash"] = incoming.stored["key_hash"]
    elif "key_hash" in body:
        incoming.refuse("generate", "makes a key: leave out `key_hash`")
    else:
        incoming.key = incoming.new_key
        body["key_hash"] = hash_of(incoming.new_key)


def _check(incoming: Incoming, document: Document) -> None:
    ends = document.get("expires_at")
    unchanged = incoming.stored is not None and incoming.stored.get("expires_at") == ends
    written = bool(incoming.new_key)  # by somebody, now: a file is read again long after
    if ends and written and not unchanged and seconds(ends) <= incoming.now:
        incoming.refuse("expires_at", "is in the past; to close a key, set `disabled`")


def _rotated(document: Document, new_key: str, until: str | None) -> Document:
    before = until and {"key_hash": document["key_hash"], "expires_at": until}
    return {**document, "previous": before, "key_hash": hash_of(new_key)}


def _state(value: Document) -> str:
    """Of a view: whether it lets anybody in now."""
    if value["disabled"]:
        return "disabled"
    ends = value["expires_at"]
    return "expired" if ends and seconds(ends) <= time.time() else "open"


def _closes(before: Document, after: Document) -> bool:
    """Switched off, or with another text and no grace: what is asked for when a key leaked."""
    if after.get("disabled", False) and not before.get("disabled", False):
        return True
    return after["key_hash"] != before["key_hash"] and "previous" not in after


def _previous(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or value.keys() != {"key_hash", "expires_at"}:
        raise Invalid("must be an object of `key_hash` and `expires_at`; rotate makes it")
    kept = {}
    wrong = checks.Faults()
    for name, rule in (("key_hash", checks.key_hash), ("expires_at", checks.moment)):
        with wrong.below(name):
            kept[name] = rule(value[name])
    wrong.tell()
    return kept


HASH = Field("key_hash", KEY_HASH, "the SHA-256 of the key in lowercase hex")
ENDS = Field("expires_at", MOMENT, "RFC 3339 with its zone (Unix seconds may be written)")
PREVIOUS = Type(
    _previous,
    {
        "type": "object",
        "required": [HASH.name, ENDS.name],
        "additionalProperties": False,
        "properties": {one.name: one.json for one in (HASH, ENDS)},
    },
    "object",
    made=lambda value: (value["key_hash"], seconds(value["expires_at"])),
    fields=(HASH, ENDS),
)
EXAMPLE_HASH = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

API_KEYS = Kind(
    name="apikeys",
    noun="api key",
    plural="callers' api keys",
    title="ApiKey",
    aliases=("api_keys",),
    command=Command(
        "keys",
        "list, create, rotate, revoke callers' keys of a running gateway",
        delete="revoke",
        delete_help="take it away for good; nobody gets in with it any more",
        cascade=False,
    ),
    id_prefix="apikey",
    named_by_id=False,
    lets_in=True,
    closes=_closes,
    resource=ApiKey,
    check=_check,
    rotate=_rotated,
    fields=(
        Field(
            "display_name",
            NAME,
            "what people call it; unique",
            example="ci",
            unique=True,
            loosely=True,
            searchable="only the one of this name",
            argument=Argument("--name", help="what people call it"),
            column=Column("name"),
        ),
        Field(
            HASH.name,
            KEY_HASH,
            HASH.help,
            example=EXAMPLE_HASH,
            required="required: the SHA-256 of the key in lowercase hex "
            "(printf '%s' \"$KEY\" | shasum -a 256), or `generate`: true",
            unique=True,
            lenient=lenient_text,
            argument=Argument("--key-hash", "HEX", "use the key with this SHA-256"),
        ),
        Field(
            "allowed_models",
            PATTERNS,
            "aliases, or patterns with one `*`; [] allows nothing",
            example=["small", "eu-*"],
            required='required: names or globs; ["*"] allows every model, [] none',
            argument=Argument(
                "--allow", "MODEL", "an alias, or a pattern with one *; again for more"
            ),
            column=Column("models", absent="(none)"),
        ),
        Field(
            "expires_at",
            MOMENT,
            "from when on it opens nothing; null: never",
            example="2099-01-01T00:00:00Z",
            argument=Argument("--expires", "WHEN", "such as 2030-01-01T00:00:00Z"),
            column=Column("expires", absent="never"),
        ),
        Field(
            "disabled",
            FLAG,
            "it opens nothing for now",
            example=True,
            empty=False,
            column=Column("state", cell=_state),
        ),
        Field(
            "previous",
            PREVIOUS,
            "made by a rotation with a grace: the hash before it, and until when "
            "that one still opens; null ends the grace",
            example={"key_hash": EXAMPLE_HASH, "expires_at": "2099-01-01T00:00:00Z"},
        ),
        RATE_LIMIT,
        Field(
            "team_id", NAME, "whose it is, for metrics: nothing is decided by it", example="team-7"
        ),
        Field("user_id", NAME, "as `team_id`", example="user-7"),
        Field("user_name", NAME, "as `team_id`, for people", example="Ann Example"),
        Field(
            "generate",
            FLAG,
            "true: make a key; its text is in this answer and nowhere else",
            instead_of="key_hash",
            taken=_generated,
        ),
    ),
)
