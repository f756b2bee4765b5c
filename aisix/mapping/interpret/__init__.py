"""Runs the tables as they are read, and can say why: what compiled source must agree with.

    rules.py         one rule on one item
    steps.py         the steps after a value is found: limits, value tables
    view.py          what a rule sees: the item, its parents, the request; conditions
    find.py          an item of a list by its key
    weaving.py       items that know their position among others, put there
    scope.py         what a request's rules may ask for by `$name`; notes
    trace.py         why every value is what it is, for explain
    pointers.py      ... and where each came from
    prose.py         ... in words
    request.py       a whole request.toml; strict mode
    answer.py        a whole answer.toml: events in, chunks out
    answer_rows.py   the rows and chunks of one: what an event does
    envelopes.py     what stands around the parts of an answer; counters
    answer_state.py  the state of one answer: registers, blocks, counters
    blocks.py        deltas that hold anything at once -> blocks, one open at a time
    calls.py         pieces of calls -> calls with a number, an id, a name and a text each
    call_pieces.py   ... what is known of one, and how its pieces are read
    mending.py       answers as their clients need them: ids, starts, ends, texts
    whole_json.py    whether a text in pieces is whole JSON yet
    continuation.py  a turn the upstream paused goes on
    accumulate.py    how a block grows from its deltas
    fold.py          chunks put together to a plain answer
    frames.py        the bytes of a stream's chunks
    local_answer.py  an answer that never went upstream
    forms.py         the functions of a compiled answer

Must never know: where tables come from, a field or event by name.
"""
