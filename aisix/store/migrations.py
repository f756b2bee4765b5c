"""The database's schema, as steps: each runs once, in its own transaction, in this order.

A step is never edited after a release; a change is a new step. `PRAGMA user_version` is the number
of steps done. A database with more steps than this program knows is refused: an older program
must not write what it does not understand.

    meta       revision (of the newest write), key_id (of the key that encrypts), in_clear
    resources  one row each; `seq` is the order of creation, `revision` that of its last write
"""

from __future__ import annotations

import sqlite3

from aisix.errors import OperatorError

IN_CLEAR = "in_clear"  # of meta: documents may still hold what is sealed now
APPLICATION_ID = 0x41495358  # "AISX": tells our file from another program's

STEPS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT",
        "INSERT INTO meta VALUES ('revision', '0')",
        """CREATE TABLE resources (
             seq INTEGER PRIMARY KEY AUTOINCREMENT,
             kind TEXT NOT NULL,
             id TEXT NOT NULL,
             document TEXT NOT NULL,
             secret BLOB,
             revision INTEGER NOT NULL,
             created_at INTEGER NOT NULL,
             updated_at INTEGER NOT NULL,
             UNIQUE (kind, id)
           ) STRICT""",
        "CREATE INDEX resources_by_revision ON resources (revision)",
    ),
    (  # a path used to be kept without the /v1 that followed it; now it is all there is
        """UPDATE resources SET document = json_set(document, '$.api_base',
             json_extract(document, '$.api_base') || '/v1')
           WHERE json_valid(document) AND kind = 'provider_keys'
             AND coalesce(json_extract(document, '$.adapter'),
                          json_extract(document, '$.provider')) = 'openai'
             AND json_extract(document, '$.api_base') LIKE '%://%/%'
             AND json_extract(document, '$.api_base') NOT LIKE '%/chat/completions'""",
    ),
    (  # headers that are credentials used to be in clear; the store, who has the key, seals them
        f"INSERT OR REPLACE INTO meta VALUES ('{IN_CLEAR}', '1')",
    ),
    (),  # a model may carry an `overlay`: a program that does not know it would serve without
)


def migrate(db: sqlite3.Connection, name: str) -> None:
    """Bring the database up to date; `name` is what messages call it."""
    while (done := version(db, name)) < len(STEPS):
        db.execute("BEGIN IMMEDIATE")
        try:
            if version(db, name) == done:  # else another process was faster
                for statement in STEPS[done]:
                    db.execute(statement)
                db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                db.execute(f"PRAGMA user_version = {done + 1}")
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise


def version(db: sqlite3.Connection, name: str) -> int:
    """How many steps are done; refuses a file that is not ours or newer than this program."""
    done: int = db.execute("PRAGMA user_version").fetchone()[0]
    owner: int = db.execute("PRAGMA application_id").fetchone()[0]
    if done > len(STEPS):
        raise OperatorError(
            f"{name}: its schema is version {done}, this program knows {len(STEPS)}: "
            "run the newer aisix, or use another data_dir"
        )
    tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if owner != APPLICATION_ID and (owner or done or tables):
        raise OperatorError(f"{name}: is not a database of aisix")
    return done
