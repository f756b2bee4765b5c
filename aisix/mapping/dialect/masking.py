"""What an upstream's words may not carry to a caller: keys, accounts, and where things run.

The provider key itself is known and taken out whatever it looks like; others are known by their
form. A link to a public page stays: it is most often the documentation the text is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

KEY = "***"
PLACE = "[address]"
SHORTEST = 6  # characters of what is taken out wherever it stands

_IPV4 = r"\d{1,3}(?:\.\d{1,3}){3}"
_IPV6 = r"(?:[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){4,7}|(?=[a-f]*\d)[0-9a-f]{1,4}::[0-9a-f:]{1,30})"
_ZONES = r"(?:local|internal|intranet|lan|corp|svc|home\.arpa)"  # that no public name is in
_INSIDE = rf"(?:[a-z0-9-]+\.)*(?:localhost|[a-z0-9-]+\.{_ZONES}(?:\.[a-z0-9-]+)*)"
_REST = r"[^\s\"'<>]*"
# A URL with a user or a port, or whose host is no public name: bare, an address, in such a zone.
_URL = re.compile(
    r"(?i)\b[a-z][a-z0-9+]{1,12}://"
    rf"(?:[^\s/@\"'<>]+@{_REST}|\[{_REST}|(?:{_IPV4}|{_INSIDE}|[a-z0-9_-]+)(?![\w.-]){_REST}"
    rf"|[^\s/:\"'<>]+:\d+{_REST})"
)
_HOST = re.compile(
    rf"(?i)(?<![\w.-])(?:{_IPV4}|{_IPV6}|{_INSIDE}|(?:[a-z0-9-]+\.)+[a-z]{{2,}}(?=:\d{{2,5}}\b))"
    r"(?::\d+)?(?![\w-])(?:/[^\s\"'<>]*)?"
)
_KEY = re.compile(
    r"(?i)\b(?:"
    r"(?:sk|pk|rk|ak|fw|r8|hf|gsk|xai|pplx|nvapi|tgp|csk)[-_](?=[\w*.-]{0,200}?(?:\d|\*\*))[\w*.-]+"
    r"|(?:org[-_]|proj_|(?:key|user|acct|team|ws|cus)-)(?=[\w*-]{0,200}?(?:\d|\*\*))[\w*-]{8,}"
    r"|AIza[\w*-]{8,}|AKIA[A-Z0-9*]{8,}|eyJ[\w-]{8,}\.[\w.-]+"
    r"|(?<=bearer )[\w.~+/=-]{8,}|(?:api[-_]?key|token|secret|password)\s?=\s?[\"']?[^\s\"'&,;]{4,}"
    r")"
)


def masked(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without them.

    >>> masked("no such key: sk-abc123, see http://10.0.0.5:8000/x", ["hunter22"])
    'no such key: ***, see [address]'
    """
    return _KEY.sub(KEY, _HOST.sub(PLACE, _URL.sub(PLACE, without(text, secrets))))


def without(text: str, secrets: Iterable[str]) -> str:
    """The text without these, and no more."""
    for secret in secrets:
        if len(secret) >= SHORTEST:
            text = text.replace(secret, KEY)
    return text
