-- What entries a resource has, numbered in `name` ("Observation 12 15+ 19": + for an entry that stands there several times): finds those
-- that lack an entry, and tells which entries no resource has twice. A deletion has the number 0.
ALTER TABLE resource ADD COLUMN outline INTEGER NOT NULL DEFAULT 0;

INSERT OR IGNORE INTO name (space, text)
SELECT DISTINCT 'outline', n.text || ' ' || coalesce((
    SELECT group_concat(e.key || iif(json_array_length(e.value) > 1, '+', ''), ' ' ORDER BY CAST(e.key AS INTEGER))
    FROM json_each(r.entries) e), '')
FROM resource r JOIN name n ON n.number = r.type WHERE r.body IS NOT NULL;

UPDATE resource SET outline = (
    SELECT o.number FROM name n JOIN name o ON o.space = 'outline' AND o.text = n.text || ' ' || coalesce((
        SELECT group_concat(e.key || iif(json_array_length(e.value) > 1, '+', ''), ' ' ORDER BY CAST(e.key AS INTEGER))
        FROM json_each(resource.entries) e), '')
    WHERE n.number = resource.type)
WHERE body IS NOT NULL;

CREATE INDEX resource_outline ON resource (outline) WHERE body IS NOT NULL;

-- Periods of more than a day, by their end: what began long before a time and reaches beyond it. All others are found by their begin.
CREATE INDEX date_long ON date (entry, high, low) WHERE high - low > 86400000000;
