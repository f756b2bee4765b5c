"""A resource at rest: what of it is written in clear, and the one text that is sealed beside it.

    packed(kind, document, secret)   ->  (the document without its hidden values, the text to seal)
    unpacked(document, text)         ->  (the whole document, the secret)

    text    the secret itself; or, when values of the document are secret too,
            NUL and JSON: [secret or null, {"headers": {"x-token": "..."}}]

No secret begins with NUL: it is printable. In memory a document is whole; whoever shows one uses
the kind's view.

Must never know: how a text is sealed, what a field means.
"""

from __future__ import annotations

import json

from aisix.store.kinds.declare import Kind
from aisix.store.resources import Document

MARK = "\0"


def packed(kind: Kind, document: Document, secret: str | None) -> tuple[Document, str | None]:
    """What to write in clear, and the text to seal (None: there is nothing to hide)."""
    hidden = kind.hidden(document)
    if not hidden:
        return document, secret
    clear = dict(document)
    for name, values in hidden.items():
        clear[name] = {key: one for key, one in document[name].items() if key not in values}
    return clear, MARK + json.dumps([secret, hidden])


def unpacked(document: Document, text: str | None) -> tuple[Document, str | None]:
    """The inverse; a document of before there was anything hidden is as it is."""
    if text is None or not text.startswith(MARK):
        return document, text
    secret, hidden = json.loads(text[len(MARK) :])
    whole = dict(document)
    for name, values in hidden.items():
        whole[name] = dict(sorted({**document.get(name, {}), **values}.items()))
    return whole, secret
