-- Every judgement with the sentence that it rests on, its article, and both parties by name.
-- Those in lines that recur in their outlet are left out.
SELECT
    s.day, -- The article's publication date.
    a.outlet, -- The registrable domain of the article's URL.
    holder.name AS holder, -- Whose stance; null: the text itself.
    target.name AS target, -- Toward whom or what.
    s.stance, -- favor, against or neutral.
    sentence.text AS sentence, -- The sentence that was judged.
    holding.text AS holder_text, -- The holder as it is named, there or in the sentence that names it.
    targeted.text AS target_text, -- The target as the sentence names it.
    naming.text AS holder_sentence, -- The sentence of the same paragraph that names the holder; null: the one that was judged, or no holder.
    s.attributed, -- Whether a quoted or reported source, and not the text itself, says what is said of the target.
    s.favor, -- Calibrated probability that the holder is for the target.
    s.against, -- Calibrated probability that the holder is against the target.
    s.neutral, -- Calibrated probability of neither.
    a.title, -- The article's title.
    a.url, -- The article's canonical URL.
    a.near_duplicate_of, -- The earliest article, of that day or the days before, with nearly the same text; null: none.
    r.source_uri, -- The file, archive member or row that the article came from.
    s.holder_id, -- The holder's entity; null: the text itself.
    s.target_id, -- The target's entity.
    s.article_id, -- With stance_no, the key of the judgement.
    s.sentence_no, -- With article_id, the key of the sentence.
    s.stance_no -- Number of the judgement in its article.
FROM stances AS s
JOIN articles AS a USING (day, article_id)
LEFT JOIN raw AS r USING (day, article_id)
JOIN sentences AS sentence USING (day, article_id, sentence_no)
JOIN mentions AS targeted
    ON targeted.day = s.day
    AND targeted.article_id = s.article_id
    AND targeted.mention_no = s.target_mention_no
LEFT JOIN mentions AS holding
    ON holding.day = s.day
    AND holding.article_id = s.article_id
    AND holding.mention_no = s.holder_mention_no
LEFT JOIN sentences AS naming
    ON naming.day = s.day
    AND naming.article_id = s.article_id
    AND naming.sentence_no = holding.sentence_no
    AND naming.sentence_no <> s.sentence_no
LEFT JOIN entities AS target ON target.day = s.day AND target.entity_id = s.target_id
LEFT JOIN entities AS holder ON holder.day = s.day AND holder.entity_id = s.holder_id
WHERE sentence.kind <> 'recurring'
