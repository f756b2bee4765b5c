"""What the workers of one gateway share: made once, before the first fork.

    bus.py         messages from any worker to all of them, and their answers
    generation.py  a number that changes for all at the same moment, and the bytes that belong to it
    scoreboard.py  counters in shared memory: each worker writes its slot, anyone adds them up
    spool.py       bytes that all append to and read back, and a small state
    unnamed.py     files without a name, which these lie in

Must never know: what the messages, the bytes and the counters are about.
"""
