"""The kinds of resources, each declared once; everything else about them is made from that.

    provider_keys.py  a credential with the place it is good for
    models.py         the aliases callers ask for
    api_keys.py       what lets callers in
    limits.py         rate limits, networks and costs, which several kinds have
    health.py         cooldown and background checks of a model
    requests.py       what a provider key adds to its requests
    lenient.py        rules for what somebody else has stored
    group.py          `routing` of a model: among its targets, or a group of aliases
    types.py          what a field may be: as a check, as JSON Schema, in words
    checks.py         functions that take one value or say what is wrong with it
    credentials.py    what looks like a credential, by its name or its form
    fits.py           whether what was stored still has the form of its kind
    declare.py        Kind, Field, Type: the words of a declaration
    registry.py       KINDS: which there are

A new kind: a file with its declaration, its name in KINDS, and what it means to a request.

Must never know: HTTP, SQL, argparse, how a document is stored.
"""
