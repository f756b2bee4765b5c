"""Table files in an editor: JSON Schemas of every kind of file, made of the declarations.

    schema.py     one file's schema: what judges, and what is shown
    judging.py    the half that marks what is wrong, at its key
    showing.py    the half for hover and completion, which refuses nothing
    json_types.py what kinds of values are in JSON Schema
    options.py    the options of verbs, as keys
    known.py      names of tables that are there already
    folder.py     the files an editor needs beside tables
    site.py       the same for a site's own tables; README and example of a new folder

Written for Taplo (Even Better TOML): see schema.py for what that asks of a schema.

Must never know: what a table is for.
"""
