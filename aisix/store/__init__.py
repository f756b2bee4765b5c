"""What the gateway remembers, and how a request reads it.

    resources.py      ProviderKey, Model, ApiKey: what is stored, as frozen values
    kinds/            what a kind of resource is: its fields, declared once
    schema.py         which documents are acceptable
    config_state.py   what became of the configuration that was read
    snapshot.py       everything at one moment: the only thing a request reads
    base.py           the interface of a store
    opening.py        the store of a data directory
    writes.py         what each write means, for any store
    normalize.py      one body on its way in: other ways to give a field, references, what is taken
    batch.py          many bodies at once, all of them or none
    replica.py        what is read of an SQLite file, for whoever writes it
    sqlite.py         the store in one SQLite file
    rows.py           its rows as a snapshot; those that cannot be read, in quarantine
    connection.py     opening it, and SQLite's errors as ours
    etcd/             the store in an etcd, for many nodes
    nodes.py          the nodes of a cluster, and what they should say the same of
    reserve.py        space for what must be written on a full disk
    migrations.py     its schema, step by step
    file.py           the store in a file an operator writes
    yaml_document.py  that file's form, with the lines of its keys
    sealing.py        what of a resource is sealed when it is written
    audit.py          what a write is told as
    change_signal.py  tells the other workers that something changed
    secrets.py        provider secrets at rest

Must never know: HTTP, a provider's wire format, the settings.
"""
