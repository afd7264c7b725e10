-- Who is for or against whom, over all days: directed judgements only, near-duplicates counted once.
-- Lines that recur in their outlet are left out, and holders whom another sentence names (always neutral).
-- Net stance and interval are as in stance_daily.
WITH per_article AS (
    SELECT
        s.holder_id,
        s.target_id,
        s.day,
        count(*) AS judgements,
        count(*) FILTER (s.stance = 'favor') AS favor,
        count(*) FILTER (s.stance = 'against') AS against
    FROM stances AS s
    ANTI JOIN (SELECT day, article_id, sentence_no FROM sentences WHERE kind = 'recurring') AS aside
        USING (day, article_id, sentence_no)
    JOIN articles AS a USING (day, article_id)
    SEMI JOIN mentions AS holding
        ON holding.day = s.day
        AND holding.article_id = s.article_id
        AND holding.mention_no = s.holder_mention_no
        AND holding.sentence_no = s.sentence_no
    WHERE s.holder_id IS NOT NULL AND a.near_duplicate_of IS NULL
    GROUP BY s.holder_id, s.target_id, s.day, s.article_id
),
per_pair AS (
    SELECT
        holder_id,
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
    GROUP BY holder_id, target_id
),
names AS (
    SELECT entity_id, arg_max(name, day) AS name FROM entities GROUP BY entity_id
)
SELECT
    h.name AS holder, -- The holder's name, on the latest day.
    t.name AS target, -- The target's name, on the latest day.
    p.articles, -- Articles with a judgement of the one on the other.
    p.judgements, -- Such judgements.
    p.favor, -- Judgements for the target.
    p.against, -- Judgements against it.
    p.judgements - p.favor - p.against AS neutral, -- Judgements of neither.
    p.net, -- Mean over articles of (favor - against) / judgements, from -1 to 1.
    (p.net - sqrt(p.shrink * (1 - p.net ^ 2 + p.shrink))) / (1 + p.shrink) AS net_low, -- Lower end of its 95 % interval.
    (p.net + sqrt(p.shrink * (1 - p.net ^ 2 + p.shrink))) / (1 + p.shrink) AS net_high, -- Upper end of its 95 % interval.
    p.first_day, -- The first day with a judgement.
    p.last_day, -- The last day with one.
    p.holder_id, -- The holder's entity.
    p.target_id -- The target's entity.
FROM per_pair AS p
LEFT JOIN names AS h ON h.entity_id = p.holder_id
LEFT JOIN names AS t ON t.entity_id = p.target_id
