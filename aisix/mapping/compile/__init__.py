"""Tables as Python source: what `interpret/` does, without asking what is known beforehand.

    paths.py      reading paths; the base of every compiler
    values.py     what an expression of the source stands for, and what is known of it
    writer.py     lines of source, indented, and the names they use
    tidy.py       assignments nobody reads are left out
    sources.py    where a rule takes its value from
    steps.py      the steps after that
    shapes.py     objects and lists that shapes build
    rules.py      a whole rule
    request.py    request.toml as one function
    request_forms.py  the functions of a model's requests, by the fields of a body
    rows.py       the rows of answer.toml
    chunks.py     the chunks they send
    envelopes.py  what all answers share
    stream.py     a stream's functions
    plain.py      a plain answer's function
    deltas.py     events that hold anything at once: the functions of each piece
    answer.py     all of them, by what the request left behind
    errors.py     whether an event is an error
    runtime.py    what the written functions call

A compiler is built up floor by floor: paths, shapes, sources, steps, rules; then request, and rows,
chunks, envelopes for the answer. Must never know: a field or event by name.
"""
