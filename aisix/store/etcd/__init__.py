"""The store on etcd: read from a local copy that one process per node keeps, written by txns.

    wire.py      what its JSON gateway says
    rights.py    what its users must be allowed
    client.py    calls: endpoints, token, TLS, errors
    server_clock.py  how far our clock is from that of a member
    lines.py     several at one time: watches and heartbeats
    place.py     which etcd, and where in it
    layout.py    keys and documents
    judge.py     which documents serve; the others are refused by name
    copy.py      the local copy, in SQLite
    board.py     what the follower says of itself
    follow.py    the follower
    emptied.py   one that holds nothing any more, and who says that it is meant
    holdings.py  what this node holds of it: judged, and into the copy
    observed.py  what was seen there, as it stands: for hashes
    unserved.py  documents of kinds that aisix does not serve
    report.py    what became of what was read: the record of it, and lines of the log
    own.py       our own keys, as the follower learns of them
    foreign.py   changes that no node of ours made, for the audit
    members.py   the live nodes
    registration.py  this node among them
    claims.py    whose encryption key is the cluster's
    rotation.py  another one
    commit.py    one write, done at most once
    parts.py     a change that is too long for one txn
    telling.py   what a status and metrics say of all that
    store.py     EtcdStore

Imported only where the settings name an etcd. Must never know: HTTP of ours, the settings.
"""
