-- Resources, their versions, what they are found by, concepts, and small records. Texts compare by their code points everywhere.

-- Numbers for text that comes back often: resource types, systems, kinds of entries ("Observation.code Token"). They are given under a
-- lock, one transaction after the other: whoever sees a number sees all below it.
CREATE TABLE name (
    number bigint PRIMARY KEY,
    space text COLLATE "C" NOT NULL,
    text text COLLATE "C" NOT NULL
);

CREATE SEQUENCE version_sequence;

-- The current version of each resource. `rid` is the sequence number of its first version, `changed` of this one; `created_in` and
-- `changed_in` are the transactions that wrote them: sequence numbers are given before the commit, so they do not tell what came first.
-- `updated` is meta.lastUpdated in milliseconds since 1970. A deletion has no body and no entries.
-- `entries` repeats what the tables of entries hold of it: {entry: [[columns…], …]}. `outline`: which entries it has, by name.
CREATE TABLE resource (
    rid bigint PRIMARY KEY,
    type bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    changed bigint NOT NULL,
    updated bigint NOT NULL,
    method bigint NOT NULL,
    outline bigint NOT NULL,
    created_in xid8 NOT NULL,
    changed_in xid8 NOT NULL,
    entries jsonb NOT NULL,
    body bytea,
    UNIQUE (type, id)
);

CREATE INDEX resource_type ON resource (type, rid) WHERE body IS NOT NULL;
CREATE INDEX resource_outline ON resource (outline, rid) WHERE body IS NOT NULL;

-- Every version, at every level of history.
CREATE TABLE version (
    sequence bigint PRIMARY KEY,
    type bigint NOT NULL,
    rid bigint NOT NULL,
    version bigint NOT NULL,
    updated bigint NOT NULL,
    written_in xid8 NOT NULL DEFAULT pg_current_xact_id()
);

CREATE INDEX version_updated ON version (type, updated, sequence);
CREATE INDEX version_written ON version (written_in);

-- Versions that are not current any more; `ended` is the sequence number of the version that followed, `until` its time.
-- `entries` and `body` are compressed.
CREATE TABLE past (
    ended bigint PRIMARY KEY,
    rid bigint NOT NULL,
    version bigint NOT NULL,
    sequence bigint NOT NULL,
    updated bigint NOT NULL,
    until bigint NOT NULL,
    method bigint NOT NULL,
    entries bytea NOT NULL,
    body bytea
);

ALTER TABLE past ALTER COLUMN entries SET STORAGE EXTERNAL, ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE UNIQUE INDEX past_version ON past (rid, version);

-- What current resources are found by (storage/sql/layout.py). An index entry has room for 2,704 bytes: texts are indexed by their first
-- 200 characters, which decide by themselves wherever a shorter text is looked for (storage/postgres/dialect.py).
CREATE TABLE token (
    entry bigint NOT NULL,
    rid bigint NOT NULL,
    system bigint NOT NULL,
    code text COLLATE "C" NOT NULL
);

CREATE INDEX token_key ON token (entry, left(code, 200), rid, system);

CREATE TABLE reference (
    entry bigint NOT NULL,
    rid bigint NOT NULL,
    type bigint NOT NULL,
    id text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL
);

CREATE INDEX reference_key ON reference (entry, left(id, 200), rid, type);

CREATE TABLE string (
    entry bigint NOT NULL,
    rid bigint NOT NULL,
    folded text COLLATE "C" NOT NULL,
    original text COLLATE "C" NOT NULL
);

CREATE INDEX string_key ON string (entry, left(folded, 200), rid);

CREATE TABLE uri (
    entry bigint NOT NULL,
    rid bigint NOT NULL,
    value text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL
);

CREATE INDEX uri_key ON uri (entry, left(value, 200), rid);

CREATE TABLE date (
    entry bigint NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    rid bigint NOT NULL
);

CREATE INDEX date_key ON date (entry, low, high, rid);

-- Periods of more than a day, by their end: what began long before a time and reaches beyond it. All others are found by their begin.
CREATE INDEX date_long ON date (entry, high, low, rid) WHERE high > low + 86400000000;

CREATE TABLE number (
    entry bigint NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    rid bigint NOT NULL
);

CREATE INDEX number_key ON number (entry, low, high, rid);
CREATE INDEX number_wide ON number (entry, high, low, rid) WHERE high > low;

-- `unit` numbers a system, a code and a unit as people write it.
CREATE TABLE quantity (
    entry bigint NOT NULL,
    low double precision NOT NULL,
    high double precision NOT NULL,
    rid bigint NOT NULL,
    unit bigint NOT NULL
);

CREATE INDEX quantity_key ON quantity (entry, low, high, rid, unit);
CREATE INDEX quantity_wide ON quantity (entry, high, low, rid, unit) WHERE high > low;

-- Of URIs those that many resources share (`_profile`): `canonical` numbers the URI and its version.
CREATE TABLE profile (
    entry bigint NOT NULL,
    canonical bigint NOT NULL,
    rid bigint NOT NULL
);

CREATE INDEX profile_key ON profile (entry, canonical, rid);

-- Places on Earth.
CREATE TABLE point (
    entry bigint NOT NULL,
    latitude double precision NOT NULL,
    longitude double precision NOT NULL,
    rid bigint NOT NULL
);

CREATE INDEX point_key ON point (entry, latitude, longitude, rid);

-- Words of resources: a document's number is twice the rid of its resource, and one more for its narrative. `said`: its folded text,
-- for what stands one after another.
CREATE TABLE prose (
    rowid bigint PRIMARY KEY,
    words tsvector NOT NULL,
    said text COLLATE "C" NOT NULL
);

CREATE INDEX prose_words ON prose USING gin (words);

-- The concepts of code systems. `id` of the CodeSystem that it came with; its concepts are numbered from `low` to `high` in their order,
-- parents of the first kind right before what is below them. `facts`: all that is said of it, as JSON.
CREATE TABLE code_system (
    number bigint PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    url text COLLATE "C" NOT NULL,
    version text COLLATE "C" NOT NULL,
    value_set text COLLATE "C" NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    facts bytea NOT NULL
);

CREATE INDEX code_system_url ON code_system USING hash (url);
CREATE INDEX code_system_value_set ON code_system USING hash (value_set) WHERE value_set <> '';
CREATE INDEX code_system_low ON code_system (low);

-- `last` is the last concept below this one along first parents; `flags`: 1 inactive, 2 abstract, 4 `concept_further` has more.
CREATE TABLE concept (
    number bigint PRIMARY KEY,
    system bigint NOT NULL,
    last bigint NOT NULL,
    flags bigint NOT NULL,
    code text COLLATE "C" NOT NULL,
    folded text COLLATE "C" NOT NULL,
    display text COLLATE "C"
);

CREATE INDEX concept_code ON concept (left(folded, 200), system);

-- Definition, designations and properties of those that have any.
CREATE TABLE concept_more (
    number bigint PRIMARY KEY,
    more bytea NOT NULL
);

CREATE TABLE concept_parent (
    concept bigint NOT NULL,
    place bigint NOT NULL,
    parent bigint NOT NULL,
    PRIMARY KEY (concept, place)
);

CREATE INDEX concept_child ON concept_parent (parent);

-- What a concept subsumes along other than first parents, from `low` to `high`.
CREATE TABLE concept_further (
    concept bigint NOT NULL,
    low bigint NOT NULL,
    high bigint NOT NULL,
    PRIMARY KEY (concept, low)
);

CREATE TABLE concept_property (
    system bigint NOT NULL,
    property text COLLATE "C" NOT NULL,
    value text COLLATE "C" NOT NULL,
    concept bigint NOT NULL
);

CREATE INDEX concept_property_value ON concept_property (system, left(property, 200), left(value, 200), concept);

-- The words of codes, displays and designations; each begins with a mark of the code system.
CREATE TABLE concept_word (
    rowid bigint PRIMARY KEY,
    words tsvector NOT NULL
);

CREATE INDEX concept_word_words ON concept_word USING gin (words);

-- Code systems whose concepts come by parts. A draft has concepts from `low` on, `done` of those that it will have. `name` NULL: it
-- has been published, and stands in `code_system` under its number; or, where it does not, waits until its concepts are removed.
CREATE TABLE concept_draft (
    number bigint PRIMARY KEY,
    name text COLLATE "C" UNIQUE,
    low bigint NOT NULL,
    high bigint NOT NULL,
    done bigint NOT NULL
);

-- Small records that are not resources; `expires` in microseconds since 1970.
CREATE SEQUENCE revision_sequence;

CREATE TABLE state (
    space text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    revision bigint NOT NULL,
    expires bigint,
    value bytea NOT NULL,
    PRIMARY KEY (space, name)
);

CREATE INDEX state_expires ON state (expires) WHERE expires IS NOT NULL;

CREATE TABLE counter (
    name text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);

INSERT INTO counter (name, value) VALUES ('probe', 0);

-- The cluster that wrote the newest transactions, and the newest sequence number when it began to: a restored copy lives in another
-- cluster, whose transactions are numbered anew; all versions up to that one were committed before.
CREATE TABLE cluster (
    identifier text NOT NULL,
    settled bigint NOT NULL
);

-- The words of a text, each by its first 500 characters: longer ones do not fit into an index. A tsvector has room for 1 MiB, and
-- array_to_tsvector is silent past it: of a text with more, only the marks (they begin with U+E000) stand there, with one that says so.
CREATE FUNCTION words_of(said text) RETURNS tsvector LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(
        CASE WHEN sum(octet_length(word)) < 1048576 THEN array_to_tsvector(array_agg(word))
            ELSE array_to_tsvector(array_agg(word) FILTER (WHERE left(word, 1) = U&'\E000') || ARRAY[U&'\E000large']) END,
        ''::tsvector)
    FROM (SELECT DISTINCT left(each, 500) AS word FROM unnest(string_to_array(said, ' ')) AS each WHERE each <> '') AS found
$$;

-- 0 in the place of what is too small for any distance: a product of two such numbers would be out of range.
CREATE FUNCTION small(number double precision) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(number) < 1e-100 THEN 0 ELSE number END
$$;

-- How well the words of a resource match: {parameter: {word: weight}}, words that end in * begin words. See search/relevance.py.
CREATE FUNCTION score(resource bigint, weights jsonb) RETURNS double precision LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(sum(weight * times / (times + 1.2 * (0.25 + 0.75 * size / 50))) / nullif(sum(weight), 0), 0)
    FROM (
        SELECT word.value::double precision AS weight,
            coalesce(cardinality(string_to_array(nullif(document.said, ''), ' ')), 0) AS size,
            (length(padded) - length(replace(padded, sought, '')))::double precision / length(sought) AS times
        FROM jsonb_each(weights) AS param
        CROSS JOIN jsonb_each_text(param.value) AS word
        LEFT JOIN prose document ON document.rowid = resource * 2 + (param.key = '_text')::int
        CROSS JOIN LATERAL (
            SELECT replace(' ' || coalesce(document.said, '') || ' ', ' ', '  ') AS padded,
                CASE WHEN right(word.key, 1) = '*' THEN ' ' || left(word.key, -1) ELSE ' ' || word.key || ' ' END AS sought
        ) AS texts
    ) AS each
$$;
