-- Per day, what came in, was refused and repaired, how sure the model was, and how that differs from before.
-- Judgements in lines that recur in their outlet are left out. Columns with `before` pool the 28 days before;
-- they are null when nothing was published then.
WITH counted AS (
    SELECT
        day,
        count(*) AS articles,
        count(near_duplicate_of) AS near_duplicates,
        sum(characters) AS characters,
        coalesce(sum(list_sum(map_values(repairs))), 0) AS repairs,
        0 AS rejects, 0 AS articles_rejected, 0 AS judgements, 0 AS unsure, 0 AS favor, 0 AS against
    FROM articles
    GROUP BY day
    UNION ALL
    SELECT day, 0, 0, 0, 0, count(*), count(*) FILTER (stage IN ('ingest', 'clean')), 0, 0, 0, 0
    FROM rejects
    GROUP BY day
    UNION ALL
    SELECT
        day, 0, 0, 0, 0, 0, 0, count(*),
        count(*) FILTER (greatest(favor, against, neutral) < 0.6),
        count(*) FILTER (stance = 'favor'),
        count(*) FILTER (stance = 'against')
    FROM stances
    ANTI JOIN (SELECT day, article_id, sentence_no FROM sentences WHERE kind = 'recurring') AS aside
        USING (day, article_id, sentence_no)
    GROUP BY day
),
daily AS (
    SELECT day, sum(COLUMNS(* EXCLUDE day))::BIGINT FROM counted GROUP BY day
),
rates AS (
    SELECT
        *,
        articles_rejected / nullif(articles + articles_rejected, 0) AS reject_rate,
        1000 * repairs / nullif(characters, 0) AS repairs_per_1000,
        unsure / nullif(judgements, 0) AS unsure_share,
        favor / nullif(judgements, 0) AS favor_share,
        against / nullif(judgements, 0) AS against_share,
        sum(articles_rejected) OVER before
        / nullif(sum(articles + articles_rejected) OVER before, 0) AS reject_rate_before,
        1000 * sum(repairs) OVER before / nullif(sum(characters) OVER before, 0) AS repairs_per_1000_before,
        sum(unsure) OVER before / nullif(sum(judgements) OVER before, 0) AS unsure_share_before,
        sum(favor) OVER before / nullif(sum(judgements) OVER before, 0) AS favor_share_before,
        sum(against) OVER before / nullif(sum(judgements) OVER before, 0) AS against_share_before
    FROM daily
    WINDOW before AS (ORDER BY day RANGE BETWEEN INTERVAL 28 DAYS PRECEDING AND INTERVAL 1 DAY PRECEDING)
)
SELECT
    day, -- The publication date.
    articles, -- Articles published.
    near_duplicates, -- Those of them with nearly the text of an earlier one, of the day or the days before.
    rejects, -- Inputs and rows that did not make it, of all stages.
    reject_rate, -- Share of the articles that were refused when they landed or were cleaned.
    reject_rate_before, -- The same before.
    repairs_per_1000, -- Repairs per 1,000 characters of clean text.
    repairs_per_1000_before, -- The same before.
    judgements, -- Judgements.
    unsure_share, -- Share of judgements whose likeliest stance has a probability below 0.6.
    unsure_share_before, -- The same before.
    favor_share, -- Share of judgements that are for their target.
    against_share, -- Share of judgements that are against it.
    (
        abs(favor_share - favor_share_before)
        + abs(against_share - against_share_before)
        + abs(favor_share + against_share - favor_share_before - against_share_before)
    ) / 2 AS drift -- Total variation distance, from 0 to 1, of the shares of the three stances to those before.
FROM rates
