-- Resources, their versions, what they are found by, and small records.

-- Numbers for text that comes back often: resource types, systems, kinds of entries ("Observation.code Token").
CREATE TABLE name (
    number INTEGER PRIMARY KEY,
    space TEXT NOT NULL,
    text TEXT NOT NULL,
    UNIQUE (space, text)
) STRICT;

-- The current version of each resource. `rid` is the sequence number of its first version, `changed` of this one.
-- `updated` is meta.lastUpdated in milliseconds since 1970. A deletion has no body and no entries.
-- `entries` (JSONB) repeats what the tables of entries hold of it: {entry: [[columns…], …]}.
CREATE TABLE resource (
    rid INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    method INTEGER NOT NULL,
    entries BLOB NOT NULL,
    body BLOB,
    UNIQUE (type, id)
) STRICT;

CREATE INDEX resource_type ON resource (type) WHERE body IS NOT NULL;

-- Every version in the order of writing, at every level of history.
CREATE TABLE version (
    sequence INTEGER PRIMARY KEY,
    type INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    version INTEGER NOT NULL,
    updated INTEGER NOT NULL
) STRICT;

CREATE INDEX version_updated ON version (type, updated);

-- Versions that are not current any more; `ended` is the sequence number of the version that followed, `until` its time.
-- `entries` and `body` are compressed.
CREATE TABLE past (
    ended INTEGER PRIMARY KEY,
    rid INTEGER NOT NULL,
    version INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    until INTEGER NOT NULL,
    method INTEGER NOT NULL,
    entries BLOB NOT NULL,
    body BLOB
) STRICT;

CREATE UNIQUE INDEX past_version ON past (rid, version);

-- What current resources are found by (storage/sql/layout.py).
CREATE TABLE token (
    entry INTEGER NOT NULL,
    code TEXT NOT NULL,
    rid INTEGER NOT NULL,
    system INTEGER NOT NULL,
    PRIMARY KEY (entry, code, rid, system)
) STRICT, WITHOUT ROWID;

CREATE TABLE reference (
    entry INTEGER NOT NULL,
    id TEXT NOT NULL,
    rid INTEGER NOT NULL,
    type INTEGER NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (entry, id, rid, type, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE string (
    entry INTEGER NOT NULL,
    folded TEXT NOT NULL,
    rid INTEGER NOT NULL,
    original TEXT NOT NULL,
    PRIMARY KEY (entry, folded, rid, original)
) STRICT, WITHOUT ROWID;

CREATE TABLE uri (
    entry INTEGER NOT NULL,
    value TEXT NOT NULL,
    rid INTEGER NOT NULL,
    version TEXT NOT NULL,
    PRIMARY KEY (entry, value, rid, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE date (
    entry INTEGER NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (entry, low, high, rid)
) STRICT, WITHOUT ROWID;

CREATE TABLE number (
    entry INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (entry, low, high, rid)
) STRICT, WITHOUT ROWID;

CREATE TABLE quantity (
    entry INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    rid INTEGER NOT NULL,
    system INTEGER NOT NULL,
    code TEXT NOT NULL,
    unit TEXT NOT NULL,
    PRIMARY KEY (entry, low, high, rid, system, code, unit)
) STRICT, WITHOUT ROWID;

-- Small records that are not resources; `expires` in microseconds since 1970.
CREATE TABLE state (
    space TEXT NOT NULL,
    name TEXT NOT NULL,
    revision INTEGER NOT NULL,
    expires INTEGER,
    value BLOB NOT NULL,
    PRIMARY KEY (space, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX state_expires ON state (expires) WHERE expires IS NOT NULL;

CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO counter (name, value) VALUES ('revision', 0), ('probe', 0);
