-- How articles portray each target, per day and outlet, near-duplicates counted once.
-- Lines that recur in their outlet are left out.
-- The net stance is the mean over articles, each counting once however long, and its interval the
-- 95 % Wilson score interval with as many trials as articles: never too narrow, since no variable
-- between -1 and 1 varies more about its mean than one that is always -1 or 1 (Bhatia and Davis, 2000).
WITH per_article AS (
    SELECT
        s.day,
        a.outlet,
        s.target_id,
        count(*) AS judgements,
        count(*) FILTER (s.stance = 'favor') AS favor,
        count(*) FILTER (s.stance = 'against') AS against
    FROM stances AS s
    ANTI JOIN (SELECT day, article_id, sentence_no FROM sentences WHERE kind = 'recurring') AS aside
        USING (day, article_id, sentence_no)
    JOIN articles AS a USING (day, article_id)
    WHERE s.holder_id IS NULL AND a.near_duplicate_of IS NULL
    GROUP BY s.day, a.outlet, s.target_id, s.article_id
),
per_day AS (
    SELECT
        day,
        outlet,
        target_id,
        count(*) AS articles,
        sum(judgements)::BIGINT AS judgements,
        sum(favor)::BIGINT AS favor,
        sum(against)::BIGINT AS against,
        avg((favor - against) / judgements) AS net,
        1.959964 ^ 2 / count(*) AS shrink
    FROM per_article
    GROUP BY day, outlet, target_id
)
SELECT
    d.day, -- The publication date.
    d.outlet, -- The registrable domain; null where the articles have no URL.
    d.target_id, -- The entity that is presented.
    e.name AS target, -- Its name.
    d.articles, -- Articles that judge it.
    d.judgements, -- Judgements on it.
    d.favor, -- Judgements for it.
    d.against, -- Judgements against it.
    d.judgements - d.favor - d.against AS neutral, -- Judgements of neither.
    d.net, -- Mean over articles of (favor - against) / judgements, from -1 to 1.
    (d.net - sqrt(d.shrink * (1 - d.net ^ 2 + d.shrink))) / (1 + d.shrink) AS net_low, -- Lower end of its 95 % interval.
    (d.net + sqrt(d.shrink * (1 - d.net ^ 2 + d.shrink))) / (1 + d.shrink) AS net_high -- Upper end of its 95 % interval.
FROM per_day AS d
LEFT JOIN entities AS e ON e.day = d.day AND e.entity_id = d.target_id
