-- Places on Earth (`near`), and the words of resources (`_text`, `_content`).
-- What an older database holds of all this is read from its resources again:
-- reindex

CREATE TABLE point (
    entry INTEGER NOT NULL,
    latitude REAL NOT NULL,
    longitude REAL NOT NULL,
    rid INTEGER NOT NULL,
    PRIMARY KEY (entry, latitude, longitude, rid)
) STRICT, WITHOUT ROWID;

-- Which words stand in a document, without their places in it; a document's number is twice the rid of its resource, and one
-- more for its narrative (storage/sql/prose.py). Words come folded: what is left to the tokenizer is to split them.
CREATE VIRTUAL TABLE prose USING fts5(
    words, content='', contentless_delete=1, detail=none, tokenize='ascii'
);

DELETE FROM token;
DELETE FROM reference;
DELETE FROM string;
DELETE FROM uri;
DELETE FROM date;
DELETE FROM number;
DELETE FROM quantity;
DELETE FROM profile;
