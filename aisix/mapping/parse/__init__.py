"""TOML to syntax: every complaint with file and line, all of them at once.

    files.py         folders of tables as they are at one moment
    toml_tree.py     a table file as dicts, with the line of every key
    text.py          its text: bytes that are none, numbers that nobody reads
    disagreement.py  why two readers of TOML differ: which character, and what both read alike
    meant.py         did you mean, or one of which words
    renamed.py       old words of the language, and what they are called now
    overlays.py      the parts of a file put together, files laid over each other
    lineage.py       the folders a mapping is made of: bases, what it is like, itself
    inline.py        tables written inside an alias, read as a trait is
    model_rows.py    rows of models.toml that are like another
    structure.py     which sections and keys a file may have at all
    units.py         a table against its declaration
    schema.py        what each key may hold
    passes.py        routes that are passed on: what both sides say of them
    options.py       what values an option can have
    reader.py        values, paths and words, with complaints and did-you-mean
    verb_options.py  options of verbs, passes and adjustments
    registers.py     what rules set and read
    conditions.py    when, unless, match, where
    vocabulary.py    what a path can find at all: types, words
    given.py         what verbs and tables are given: sentences nothing fills, rows nothing reaches
    handed.py        what rows give the chunks they send
    sourceless.py    tables that were meant for rules and have no source
    rules.py         rules, conditions, shapes, value tables
    variants.py      variants of a shape: by key, and what a refusal calls right
    request.py       request.toml
    answer.py        answer.toml
    mending.py       its [mend]
    plain.py         its plain answers: taken apart, and grown from deltas
    unreachable.py   rows that can never act

Must never know: how a rule is run.
"""
