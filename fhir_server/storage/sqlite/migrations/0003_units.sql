-- Units and profiles are numbered, packed rows tell their group, contained resources are found by.
-- What an older database holds of all this is read from its resources again:
-- reindex

DROP TABLE quantity;

-- `unit` numbers a system, a code and a unit as people write it.
CREATE TABLE quantity (
    entry INTEGER NOT NULL,
    low REAL NOT NULL,
    high REAL NOT NULL,
    rid INTEGER NOT NULL,
    unit INTEGER NOT NULL,
    PRIMARY KEY (entry, low, high, rid, unit)
) STRICT, WITHOUT ROWID;

-- Of URIs those that many resources share (`_profile`): `canonical` numbers the URI and its version.
CREATE TABLE profile (
    entry INTEGER NOT NULL,
    canonical INTEGER NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (entry, canonical, rid)
) STRICT, WITHOUT ROWID;

DELETE FROM token;
DELETE FROM reference;
DELETE FROM string;
DELETE FROM uri;
DELETE FROM date;
DELETE FROM number;
