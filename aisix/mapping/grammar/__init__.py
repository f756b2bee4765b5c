"""What may stand where in a table file: every section and key, declared once.

    kinds.py      what a key may hold: text, path, rule, condition ...
    declared.py   Key, Unit, File: what a declaration says, and how to find one by its place
    roots.py      what a path may begin with: $body, $let ..., and where
    rule.py       a rule, its steps and its conditions; a pass over a list
    shape.py      a shape and its variants
    request.py    request.toml
    values.py     values.toml
    answer.py     answer.toml
    rows.py       its rows of events, and chunks
    plain.py      its calls in pieces, its plain answers
    mending.py    what it makes whole, and counts
    errors.py     errors.toml
    mapping.py    mapping.toml; files of traits
    models.py     models.toml
    caller.py     caller.toml
    routes.py     its routes beside the first: models, counts, what is passed on
    cases.py      case.toml, and the names of a case's files
    tables.py     all of them

Parsers take their keys, types and words from here, and so do `aisix mappings keys`, the reference
page, the schemas for editors and the checks that find what cannot act.

Must never know: a verb, a table file's bytes, how something is run.
"""
