"""How the CPU of a translation grows with the size of what it is given: with its size, and no faster.

measure.py    CPU time over size: the exponent of one shape
jobs.py       what is done with a shape: request, answer, stream, error, explain, count
generated.py  shapes made of the golden cases: each list, map and text in them, one at a time
bad.py        shapes thought of: layers, references, repeats, neighbours, orders, cuts
__main__.py   the table of all of them: python -m tests.mapping.linear
"""
