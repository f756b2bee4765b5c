"""`make clients`: every declared client, installed by name, against a real gateway.

    python -m tests.clients.runs                     all of them, in about ten minutes
    python -m tests.clients.runs codex llm           these
    python -m tests.clients.runs --minutes 5 --fresh
    python -m tests.clients.runs --upstream openai   the alias is of an OpenAI-compatible server

Each client of aisix/cli/use/clients is installed in a folder of its own under `.clients/`, gets its
settings from `aisix use CLIENT ALIAS --write` in a home of its own, and is asked for a plain answer,
a streamed one and a round with a tool; the stand-in plays the model. What came of it is written to
results.json and docs/clients.md, those that failed or could not be installed with the reason.

    installing.py  an environment a client
    process.py     one command, bounded in time, ended with all that it started
    trial.py       one client's three questions, and the verdict
    table.py       docs/clients.md, of the declarations and the results
    scripts/       what a library is tried with: argv is the mode and the question. Each is whole, as
                   a user of that library writes it, though those of one library share their steps
"""
