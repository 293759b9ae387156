-- The concepts of code systems. What an older database holds in CodeSystem resources is read into it:
-- concepts

-- `id` of the CodeSystem that it came with; its concepts are numbered from `low` to `high` in their order, parents of the first
-- kind right before what is below them. `facts`: all that is said of it, as JSON.
CREATE TABLE code_system (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    url TEXT NOT NULL,
    version TEXT NOT NULL,
    value_set TEXT NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    facts BLOB NOT NULL
) STRICT;

CREATE INDEX code_system_url ON code_system (url);
CREATE INDEX code_system_value_set ON code_system (value_set) WHERE value_set <> '';
CREATE INDEX code_system_low ON code_system (low);

-- `last` is the last concept below this one along first parents; `flags`: 1 inactive, 2 abstract, 4 `concept_further` has more.
CREATE TABLE concept (
    number INTEGER PRIMARY KEY,
    system INTEGER NOT NULL,
    last INTEGER NOT NULL,
    flags INTEGER NOT NULL,
    code TEXT NOT NULL,
    folded TEXT NOT NULL,
    display TEXT
) STRICT;

CREATE UNIQUE INDEX concept_code ON concept (folded, system, code);

-- Definition, designations and properties of those that have any.
CREATE TABLE concept_more (
    number INTEGER PRIMARY KEY,
    more BLOB NOT NULL
) STRICT;

CREATE TABLE concept_parent (
    concept INTEGER NOT NULL,
    place INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    PRIMARY KEY (concept, place)
) STRICT, WITHOUT ROWID;

CREATE INDEX concept_child ON concept_parent (parent);

-- What a concept subsumes along other than first parents, from `low` to `high`.
CREATE TABLE concept_further (
    concept INTEGER NOT NULL,
    low INTEGER NOT NULL,
    high INTEGER NOT NULL,
    PRIMARY KEY (concept, low)
) STRICT, WITHOUT ROWID;

CREATE TABLE concept_property (
    system INTEGER NOT NULL,
    property TEXT NOT NULL,
    value TEXT NOT NULL,
    concept INTEGER NOT NULL,
    PRIMARY KEY (system, property, value, concept)
) STRICT, WITHOUT ROWID;

-- The words of codes, displays and designations; each begins with a mark of the code system.
CREATE VIRTUAL TABLE concept_word USING fts5(
    words, content='', contentless_delete=1, detail=none, tokenize='ascii'
);
