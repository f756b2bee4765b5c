"""What tables say, typed: made by `parse/`, run by `interpret/`, written out by `compile/`.

    paths.py   "messages[].content": parse, get, set
    rules.py   what a rule is made of, and request.toml
    answer.py  answer.toml
    mending.py ... its [mend]
    budget.py  what running them may cost

Must never know: TOML, how a rule is run.
"""
