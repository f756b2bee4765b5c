"""JSON Schema made acceptable to who takes less of it, by keyword and by where a keyword stands.

    keywords.py  the vocabulary: where schemas stand below a schema, what a keyword may hold
    drafts.py    what older drafts and OpenAPI say otherwise, said as draft 2020-12 says it
    values.py    what a keyword may hold
    pointers.py  what local references name, and which of them run in a circle
    root.py      an object at the root: choices and references there merged
    keys.py      property keys a provider refuses, renamed and restored
    subset.py    the part that constrained answers can be held to
    enums.py     types that agree with `enum` and `const`
    budget.py    which schemas of several are held to it, when not all can be
    fill.py      `properties` and `items` where there are none
    closed.py    whether every object is closed and requires all it has

A schema is a dict or a bool as the caller sent it, and is never changed: what is made of it shares
what stayed the same. A property may be called like a keyword: only keywords are walked.

Must never know: a provider's field; which keywords and formats stay are options of tables.
"""
