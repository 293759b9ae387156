-- Code systems whose concepts come by parts. A draft has concepts from `low` on, `done` of those that it will have. `name` NULL: it
-- has been published, and stands in `code_system` under its number; or, where it does not, waits until its concepts are removed.
CREATE TABLE concept_draft (
    number INTEGER PRIMARY KEY,
    name TEXT UNIQUE,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    done INTEGER NOT NULL
) STRICT;
