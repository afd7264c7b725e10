-- How the articles of each outlet portray each target, over all days, near-duplicates counted once.
-- What quoted or reported sources say is left out, and lines that recur in their outlet. Net stance and interval are as in stance_daily.
WITH per_article AS (
    SELECT
        a.outlet,
        s.target_id,
        s.day,
        count(*) AS judgements,
        count(*) FILTER (s.stance = 'favor') AS favor,
        count(*) FILTER (s.stance = 'against') AS against
    FROM stances AS s
    ANTI JOIN (SELECT day, article_id, sentence_no FROM sentences WHERE kind = 'recurring') AS aside
        USING (day, article_id, sentence_no)
    JOIN articles AS a USING (day, article_id)
    WHERE s.holder_id IS NULL AND NOT s.attributed AND a.near_duplicate_of IS NULL AND a.outlet IS NOT NULL
    GROUP BY a.outlet, s.target_id, s.day, s.article_id
),
per_outlet AS (
    SELECT
        outlet,
        target_id,
        count(*) AS articles,
        sum(judgements)::BIGINT AS judgements,
        sum(favor)::BIGINT AS favor,
        sum(against)::BIGINT AS against,
        avg((favor - against) / judgements) AS net,
        1.959964 ^ 2 / count(*) AS shrink,
        min(day) AS first_day,
        max(day) AS last_day
    FROM per_article
    GROUP BY outlet, target_id
),
names AS (
    SELECT entity_id, arg_max(name, day) AS name FROM entities GROUP BY entity_id
)
SELECT
    o.outlet, -- The registrable domain.
    o.target_id, -- The entity that is presented.
    n.name AS target, -- Its name, on the latest day.
    o.articles, -- Articles that judge it.
    o.judgements, -- Judgements on it.
    o.favor, -- Judgements for it.
    o.against, -- Judgements against it.
    o.judgements - o.favor - o.against AS neutral, -- Judgements of neither.
    o.net, -- Mean over articles of (favor - against) / judgements, from -1 to 1.
    (o.net - sqrt(o.shrink * (1 - o.net ^ 2 + o.shrink))) / (1 + o.shrink) AS net_low, -- Lower end of its 95 % interval.
    (o.net + sqrt(o.shrink * (1 - o.net ^ 2 + o.shrink))) / (1 + o.shrink) AS net_high, -- Upper end of its 95 % interval.
    o.first_day, -- The first day with a judgement.
    o.last_day -- The last day with one.
FROM per_outlet AS o
LEFT JOIN names AS n ON n.entity_id = o.target_id
