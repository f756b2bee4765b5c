"""`aisix use`: the settings with which a client reaches the gateway, printed or written.

    command.py    the verb: whose alias, which key, printed or written
    declared.py   the clients: one file each; also what `make clients` runs
    caller.py     what the gateway says to a caller's key: may it use this alias
    keeping.py    a client's own file: where it is, its backup, written at once or not at all
    merging.py    settings into the text of such a file; the rest of it stays as it is
    toml_text.py  ... of TOML, with its comments
    yaml_text.py  ... of YAML, with its comments
    json_text.py  ... of JSON
    env_text.py   ... of NAME=value lines

Must never know: a client. What is special about one stands in its file.
"""
