"""Random valid exchanges by the official SDKs' own types: nothing lost, invented or said twice.

    python -m tests.differential --count 2000 --seed 7 --minutes 10

`shapes` makes values of the SDKs' types, `requests` and `answers` make whole conversations of them,
`judge` says what became of every value, `run` does it by numbers, each of which is a failure's name.
Nothing here knows a table: what a table says is told (a warning, a 400) or declared in `declared.py`.
"""
