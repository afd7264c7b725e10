-- How often each entity is mentioned per day, near-duplicates counted once and lines that recur in their outlet left out.
SELECT
    m.day, -- The publication date.
    m.entity_id, -- The entity.
    any_value(e.name) AS name, -- Its name.
    any_value(e.type) AS type, -- What kind of thing it is.
    count(*) AS mentions, -- Mentions of it.
    count(DISTINCT m.article_id) AS articles, -- Articles that mention it.
    count(DISTINCT a.outlet) AS outlets, -- Outlets that do, as far as known.
    avg(m.score) AS score -- Mean probability that span and type of a mention are right.
FROM mentions AS m
ANTI JOIN (SELECT day, article_id, sentence_no FROM sentences WHERE kind = 'recurring') AS aside
    USING (day, article_id, sentence_no)
JOIN articles AS a USING (day, article_id)
LEFT JOIN entities AS e USING (day, entity_id)
WHERE m.entity_id IS NOT NULL AND a.near_duplicate_of IS NULL
GROUP BY m.day, m.entity_id
