"""What rules may call by name; each is declared once, where it stands.

    registry.py     how one declares itself and its options; all of them
    conversions.py  `verb`: a value to another one
    text.py         ... those of text and JSON
    naming.py       ... those of names: groups made flat, names joined and looked up
    times.py        ... those of points in time and waits
    schemas.py      ... those of JSON Schema
    content.py      ... those of parts, pictures, files
    packs.py        ... those of opaque texts that a caller keeps and sends back
    passes.py       `[... .arrange.NAME]`: passes over a list of messages
    pairing.py      ... those that know of calls and their answers
    turns.py        ... those for items of which each is a piece of a turn
    nested.py       ... passes whose options lead below a field
    adjustments.py  `[adjust.NAME]`: corrections of the finished request
    schema/         JSON Schema made acceptable to who takes less of it
    media.py        data URLs, media types
    charsets.py     bytes of a text file to text
    surrogates.py   JSON whose texts hold half a character
    census.py       how many values JSON has, counted before it is decoded
    characters.py   ... of an answer: the other half may stand in the next event
    refused.py      what a verb raises

Must never know: a provider's field; names come as options.
"""
