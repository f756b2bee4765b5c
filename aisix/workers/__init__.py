"""What the workers of one gateway share: made once, before the first fork.

    bus.py    messages from any worker to all of them, and their answers
    turn.py   a number that changes for all at the same moment, and the bytes that belong to it

Must never know: what the messages and the bytes are about.
"""
