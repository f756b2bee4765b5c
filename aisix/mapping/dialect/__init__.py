"""What belongs to one side alone, whatever the other side is.

    caller.py           caller.toml: routes, errors, limits, models, counting
    upstream_errors.py  errors.toml: an upstream's errors in a caller's words
    durations.py        how long an upstream says to wait, in a header's many forms
    estimate.py         tokens of a request, estimated

Must never know: a transport.
"""
