"""What looks like a credential: by the name it stands under, or by its own form.

    likely("x-team", "search")                 ->  False
    likely("helicone-auth", "Bearer sk-h...")  ->  True
    likely("x-tag", "AKIAIOSFODNN7EXAMPLE")    ->  True

Such a value is kept as a secret. To take one for a credential that is none costs a look at it; to
miss one shows it to whoever may read. So the doubtful ones are taken for credentials, but ids that
are meant to be read (UUIDs, dates, versions, lists of words) are not.

Must never know: which field is asked about.
"""

from __future__ import annotations

import re

# Words anywhere in a name, and short ones that must stand alone in it ("x-key", not "x-keyboard").
_NAME = re.compile(
    r"authori[sz]ation|authenticat|api-?key|apikey|cookie|passw|passphrase|secret|token|credential"
    r"|jwt|bearer|(^|[-_])(auth|key|keys|pass|pwd|pin|sig|signature|session|sid|hmac|otp|pat)($|[-_])"
)
# Names whose values are words, versions and ids by their nature; only a known form counts there.
_PLAIN_NAME = re.compile(
    r".*-beta|.*-organization|.*-project|.*-workspace-id|.*-user-profile-id|user-agent"
    r"|traceparent|tracestate|baggage"
)
# Forms that providers give their keys and tokens, wherever they stand in a text.
_FORM = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:sk|pk|rk|ak|fw|r8|hf|gsk|xai|pplx|nvapi|tgp|csk|pcsk|whsec|shpat|npm|pypi|dop_v1|glpat|sq0atp)"
    r"[-_][A-Za-z0-9_-]{8,}"
    r"|gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[a-z]-[\w-]{8,}|ya29\.[\w-]{8,}|AIza[\w-]{16,}"
    r"|A(?:KIA|SIA|GPA|IDA|ROA|NPA)[A-Z0-9]{12,}|eyJ[\w-]{8,}\.[\w-]+|-----BEGIN [A-Z ]+-----"
    r"|[A-Za-z][A-Za-z0-9+.-]*://[^\s/@]+:[^\s/@]+@"
    r")|^\s*(?i:bearer|basic|digest|token|negotiate|apikey)\s+\S+"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RUN = re.compile(r"[A-Za-z0-9+/=_.~-]{16,}")
_WORD = re.compile(r"[A-Za-z0-9+/=]{16,}")


def likely(name: str, value: str) -> bool:
    """Whether the value under this name (lower case) is to be kept as a secret."""
    if _NAME.search(name) or by_form(value):
        return True
    return _PLAIN_NAME.fullmatch(name) is None and _random(value)


def by_name(name: str) -> bool:
    """Whether a credential is what stands under such a name (lower case)."""
    return _NAME.search(name) is not None


def by_form(value: str) -> bool:
    """Whether the value has the form of a key or token that is known."""
    return _FORM.search(value) is not None


def _random(value: str) -> bool:
    """Whether a part of it looks made by chance: long, without a gap, letters and digits mixed."""
    for run in _RUN.findall(_UUID.sub("", value)):
        digits = any(c.isdigit() for c in run)
        if digits and len(run) >= 20 and run.lower() != run and run.upper() != run:
            return True
        if any(
            any(c.isdigit() for c in word) and any(c.isalpha() for c in word)
            for word in _WORD.findall(run)
        ):
            return True
    return False
