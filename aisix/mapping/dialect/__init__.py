"""What belongs to one side alone, whatever the other side is.

    caller.py           caller.toml: routes, errors, limits, models, counting
    upstream_errors.py  errors.toml: an upstream's errors in a caller's words
    answer_headers.py   headers of the caller's answer: passed on, or written by a row
    recogniser.py       whether an answer is an error, and what it says, whatever its shape
    masking.py          what an upstream's words may not carry to a caller
    limit_headers.py    headers that tell a caller of a limit
    durations.py        how long an upstream says to wait, in a header's many forms
    counts.py           how many of a thing a request may hold
    estimate.py         tokens of a request, estimated

Must never know: a transport.
"""
