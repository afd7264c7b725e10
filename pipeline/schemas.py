"""Every table of the lake, declared once.

From these declarations derive the Arrow schemas (with the sentences as field metadata), the Great
Expectations suites (`pipeline.validate`), `docs/tables.md` (`pipeline.docs`) and DuckDB's comments
(`pipeline.lake`). Nothing else in the project names a column's type, range or meaning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

REASONS = (
    "unreadable",  # the container or file cannot be opened or decompressed
    "encoding",  # the bytes are not text in any encoding that can be told
    "empty",  # no bytes, or only white space
    "no_title",
    "no_text",
    "date",  # no plausible publication date, or an absurd one
    "format",  # a record that does not parse, or misses columns
    "too_large",  # beyond a stated limit on size, ratio or members
    "unsafe_path",  # an archive member that points outside, a link, a device
    "unsupported",  # a kind of file that is not one of the accepted forms
    "language",  # not one of the languages wanted
    "rule",  # a row broke a row-level rule of its table; `detail` names the rule
)
DATE_SOURCES = ("header", "url", "landed")
SENTENCE_KINDS = ("title", "body", "boilerplate", "recurring")
MENTION_TYPES = ("PERSON", "ORG", "LOC", "FAC", "NORP", "DATE", "MONEY", "PRODUCT", "MISC")
ENTITY_TYPES = tuple(t for t in MENTION_TYPES if t not in ("DATE", "MONEY"))
STANCES = ("favor", "against", "neutral")
ROLES = ("source", "cue", "content")
STAGE_NAMES = ("ingest", "clean", "tag", "link", "judge", "publish", "settle")
VERDICTS = ("passed", "quarantined")  # a failed stage publishes nothing, so no row says "failed"
MINHASHES = 129  # values of a signature, in 43 bands of 3
SMALLEST = 30  # shingles; a text of fewer is a near-duplicate only of the same words

HEX16 = r"^[0-9a-f]{16}$"
HEX64 = r"^[0-9a-f]{64}$"
ENTITY_ID = r"^[^\s]+$"
TIMESTAMP = pa.timestamp("us", tz="UTC")
LINES = pa.list_(
    pa.struct([pa.field("line_no", pa.int32(), nullable=False), pa.field("hash", pa.int64(), nullable=False)])
)
RAW_OFFSETS = pa.list_(
    pa.struct(
        [
            pa.field("start", pa.int32(), nullable=False),
            pa.field("end", pa.int32(), nullable=False),
            pa.field("raw_start", pa.int32(), nullable=False),
            pa.field("raw_end", pa.int32(), nullable=False),
            pa.field("repair", pa.string()),
        ]
    )
)


@dataclass(frozen=True)
class Column:
    """One column: Arrow type, whether null is allowed, the values allowed, and what it means."""

    name: str
    type: pa.DataType
    meaning: str
    nullable: bool = False
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    pattern: str | None = None

    @property
    def field(self) -> pa.Field:
        """The Arrow field, with the sentence of meaning as metadata `comment`."""
        return pa.field(self.name, self.type, self.nullable, metadata={"comment": self.meaning})

    @property
    def limits(self) -> str:
        """The range in words, `from 0 to 1` or `at least 0`; empty where there is none."""
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"at least {self.low:g}"
        return "" if self.high is None else f"at most {self.high:g}"


@dataclass(frozen=True)
class Reference:
    """Rows must exist in `table` under the same values; a null in `columns` refers to nothing."""

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...]


@dataclass(frozen=True)
class Rule:
    """A row-level rule: an SQL condition over the row `t` and, where named, its parent row `p`.

    `parent` is a reference of the table (by the referred table's name); the condition must be true
    for every row that has such a parent, and with each of them where several columns refer to it.
    """

    name: str
    meaning: str
    sql: str
    parent: str | None = None


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its key, its sort order, its columns and its rules."""

    name: str
    row: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    published: bool = True
    named_by_content: bool = False
    """Whether builds of one snapshot may differ in it, so that its files carry a digest in their names."""

    @property
    def sort(self) -> tuple[str, ...]:
        """The sort order of a file, which is the key: it makes equal content equal bytes."""
        return self.key

    @cached_property
    def schema(self) -> pa.Schema:
        """The Arrow schema between stages, without the partition's own columns."""
        return pa.schema([c.field for c in self.columns], metadata={"comment": self.row})

    @cached_property
    def published_schema(self) -> pa.Schema:
        """The Arrow schema of the files in the lake: `day` and `snapshot`, then the columns."""
        return pa.schema([c.field for c in (*PARTITION, *self.columns)], metadata={"comment": self.row})

    def empty(self) -> pa.Table:
        """A table of this schema without rows."""
        return self.schema.empty_table()

    def column(self, name: str) -> Column:
        """The declaration of one column; KeyError when there is none of that name."""
        return {c.name: c for c in self.columns}[name]


def _int(name: str, meaning: str, low: float | None = 0, **more: Any) -> Column:
    return Column(name, pa.int32(), meaning, low=low, **more)


def _text(name: str, meaning: str, **more: Any) -> Column:
    return Column(name, pa.string(), meaning, **more)


def _probability(name: str, meaning: str, **more: Any) -> Column:
    return Column(name, pa.float32(), meaning, low=0, high=1, **more)


PARTITION = (
    Column("day", pa.date32(), "The partition: the article's publication date in UTC."),
    _text("snapshot", "The build of the partition that wrote the row, from its fingerprint.", pattern=HEX16),
)
ARTICLE_ID = _text(
    "article_id",
    "Stable identity of the article: from its canonical URL, else from title, date and text.",
    pattern=HEX16,
)
SENTENCE_NO = _int("sentence_no", "Number of the sentence in its article; 0 is the title.")
IN_ARTICLE = Reference(("article_id",), "articles", ("article_id",))
IN_SENTENCE = Reference(("article_id", "sentence_no"), "sentences", ("article_id", "sentence_no"))

RAW = Table(
    "raw",
    "An article as it landed.",
    ("article_id",),
    (
        ARTICLE_ID,
        _text(
            "source_uri",
            "Where it came from: file (relative to the landing zone, or the URI of one outside it), `!/` "
            "archive member, `#` row.",
        ),
        _text("raw_sha256", "SHA-256 of title, date, URL and lines as they landed.", pattern=HEX64),
        _text("title", "The title as it landed."),
        _text("date_raw", "The date as it stood in the source.", nullable=True),
        _text("url_raw", "The URL as it stood in the source.", nullable=True),
        Column("lines", pa.list_(pa.string()), "The text as it landed, one item a line."),
        Column(
            "landed_at", TIMESTAMP, "When the source appeared in the landing zone (its modification time)."
        ),
    ),
)

ARTICLES = Table(
    "articles",
    "A clean article.",
    ("article_id",),
    (
        ARTICLE_ID,
        _text("title", "The repaired title."),
        _text("url", "The canonical URL: no default port, fragment or tracking parameters.", nullable=True),
        _text("outlet", "The registrable domain of the URL.", nullable=True),
        Column("published", TIMESTAMP, "When it was published, as far as the source tells, in UTC."),
        _text("date_source", "What told the date.", allowed=DATE_SOURCES),
        _text("language", "The language told from the text, as ISO 639-1.", pattern=r"^[a-z]{2,3}$"),
        _probability("language_score", "Probability of that language."),
        _int("sentences", "Number of sentences, title and boilerplate included.", low=1),
        _int("characters", "Number of characters of the clean sentences.", low=1),
        _text("text_sha256", "SHA-256 of the clean sentences, in order.", pattern=HEX64),
        _text(
            "near_duplicate_of",
            "The earliest article with nearly the same text, if another, of this day and the days before it "
            "(setting `duplicate_days`, 7); settled at publishing, and anew when one of these days changes.",
            nullable=True,
            pattern=HEX16,
        ),
        Column("repairs", pa.map_(pa.string(), pa.int32()), "How often each kind of repair was made."),
        Column("order_suspect", pa.bool_(), "Whether the paragraphs may stand in the wrong order."),
        _int(
            "lead_line",
            "The line of the lead paragraph; null where the order is suspect and no paragraph surely leads.",
            nullable=True,
            low=1,
        ),
    ),
    rules=(
        Rule("not_its_own_duplicate", "An article is no near-duplicate of itself.",
             "t.near_duplicate_of IS DISTINCT FROM t.article_id"),
    ),
    named_by_content=True,
)  # fmt: skip

SENTENCES = Table(
    "sentences",
    "A sentence of an article, the title included as number 0.",
    ("article_id", "sentence_no"),
    (
        ARTICLE_ID,
        SENTENCE_NO,
        _int("line_no", "The line of `raw.lines` that it came from, counted from 1; 0 is the title."),
        _text(
            "kind",
            "Whether it is the title, body text, boilerplate told by its form (the model does not see it), "
            "or body text of a line that recurs in its outlet (`recurring`). The last is settled at "
            "publishing, as `near_duplicate_of` is, and may be taken back: mentions and stances in it stay, "
            "but `entities` and the views leave them out.",
            allowed=SENTENCE_KINDS,
        ),
        _text("text", "The clean text."),
        Column(
            "raw_offsets",
            RAW_OFFSETS,
            "Consecutive ranges of `text` and the raw characters each came from; `repair` names what "
            "changed it and is null where the characters are the same.",
        ),
    ),
    references=(IN_ARTICLE,),
    rules=(
        Rule("not_blank", "A sentence has text, without white space around it.",
             "t.text <> '' AND t.text = trim(t.text)"),
        Rule("title_first", "Sentence 0 is the title, and only it.",
             "(t.sentence_no = 0) = (t.kind = 'title')"),
        Rule("offsets_cover", "The raw offsets cover the text from its first character to its last.",
             "t.raw_offsets[1].\"start\" = 0 AND t.raw_offsets[-1].\"end\" = length(t.text)"),
    ),
    named_by_content=True,
)  # fmt: skip

SIGNATURES = Table(
    "signatures",
    "What an article is compared with others by.",
    ("article_id",),
    (
        ARTICLE_ID,
        _text("outlet", "As in `articles`.", nullable=True),
        Column("published", TIMESTAMP, "As in `articles`."),
        _text("words", "Digest of the words of the body, without case and punctuation; null: it has none.",
              nullable=True, pattern=HEX16),
        _int("shingles", "Number of distinct runs of five words in the body."),
        Column("minhash", pa.list_(pa.uint16()),
               f"MinHash signature of these runs: {MINHASHES} values; none where there are fewer than "
               f"{SMALLEST} runs."),
        Column("lines", LINES, "Lines of the body that may recur in the outlet: the line's number, and a "
               "hash of the outlet and the line without case and numbers."),
    ),
    references=(IN_ARTICLE,),
    rules=(
        Rule("minhash_whole", "A signature has all its values where there is enough to sign, else none.",
             f"len(t.minhash) = CASE WHEN t.shingles < {SMALLEST} THEN 0 ELSE {MINHASHES} END"),
    ),
)  # fmt: skip

REPAIRS = Table(
    "repairs",
    "A repair of an article that was made, or a suspicion of damage that was left as it is. White space and "
    "invisible characters are only counted, in `articles.repairs`.",
    ("article_id", "repair_no"),
    (
        ARTICLE_ID,
        _int("repair_no", "Number of the repair in its article: those made in their order, then suspicions."),
        _int("line_no", "The line of `raw.lines`, counted from 1; 0 is the title."),
        _int("raw_start", "First character of that line which `before` leads back to."),
        _int("raw_end", "First character after them."),
        _text("kind", "The kind of damage (docs/cleaning.md)."),
        _text("before", "The damaged characters with the words around them, as earlier repairs left them."),
        _text("after", "The same repaired."),
        _probability("confidence", "How sure it is that this was damaged so."),
        _text("evidence", "Why, in few words."),
        Column("applied", pa.bool_(), "Whether the text was changed; else it is a suspicion."),
    ),
    references=(IN_ARTICLE,),
    rules=(
        Rule("span", "The raw characters end no earlier than they start.", "t.raw_start <= t.raw_end"),
        Rule("changes_something", "Before and after differ.", "t.before <> t.after"),
    ),
)  # fmt: skip

MENTIONS = Table(
    "mentions",
    "A named entity in a sentence.",
    ("article_id", "mention_no"),
    (
        ARTICLE_ID,
        SENTENCE_NO,
        _int("mention_no", "Number of the mention in its article, in the order of the text."),
        _int("start", "First character in the sentence's text."),
        _int("end", "First character after it.", low=1),
        _text("text", "The characters from start to end."),
        _text("type", "What kind of thing is named; for all mentions of a name in the article the same, "
              "where that has more than 0.6 of their scores.", allowed=MENTION_TYPES),
        _probability("score", "Calibrated probability that span and type are right; of the type that the "
                     "tagger gave, also where the mention has taken over another."),
        _text("entity_id", "The canonical entity; null for dates, sums of money and names run together.",
              nullable=True, pattern=ENTITY_ID),
    ),
    references=(IN_SENTENCE,),
    rules=(
        Rule("span", "A mention starts before it ends.", 't."start" < t."end"'),
        Rule("offsets_give_text", "The sentence's characters from start to end are the mention's text.",
             't.text = substring(p.text, t."start" + 1, t."end" - t."start")', parent="sentences"),
    ),
)  # fmt: skip

ENTITIES = Table(
    "entities",
    "A canonical entity of the partition.",
    ("entity_id",),
    (
        _text("entity_id", "Identity of the entity, the same in every partition.", pattern=ENTITY_ID),
        _text("name", "Its canonical name."),
        _text("type", "What kind of thing it is.", allowed=ENTITY_TYPES),
        Column("aliases", pa.list_(pa.string()), "The forms under which it is mentioned here, sorted."),
        _int("mentions", "How often it is mentioned here, lines that recur aside.", low=1),
    ),
    named_by_content=True,
)

STANCES_TABLE = Table(
    "stances",
    "One judgement: who is for or against whom in a sentence.",
    ("article_id", "stance_no"),
    (
        ARTICLE_ID,
        SENTENCE_NO,
        _int("stance_no", "Number of the judgement in its article."),
        _int("holder_mention_no", "Whose stance; null: the text itself. Where it stands in another sentence, "
             "it is the source of what this one says, in the same paragraph, and the probabilities are those "
             "of the text itself, of how it portrays the target.", nullable=True),
        _int("target_mention_no", "Toward whom or what."),
        _text("holder_id", "The holder's entity; null: the text itself.", nullable=True, pattern=ENTITY_ID),
        _text("target_id", "The target's entity.", pattern=ENTITY_ID),
        _text("stance", "The stance: favor or against where that is probable enough for the precision asked "
              "for (setting `precision`, 0.9), else neutral; the probabilities are there in any case. Always "
              "neutral where another sentence names the holder: how often that is right is not measured yet.",
              allowed=STANCES),
        _probability("favor", "Calibrated probability that the holder is for the target; where another "
                     "sentence names the holder, that the text portrays the target well."),
        _probability("against", "Calibrated probability that the holder is against the target; where another "
                     "sentence names the holder, that the text portrays the target badly."),
        _probability("neutral", "Calibrated probability of neither."),
        Column("attributed", pa.bool_(), "Whether a quoted or reported source, and not the text itself, says "
               "what is said of the target."),
    ),
    references=(
        IN_SENTENCE,
        Reference(("article_id", "holder_mention_no"), "mentions", ("article_id", "mention_no")),
        Reference(("article_id", "target_mention_no"), "mentions", ("article_id", "mention_no")),
    ),
    rules=(
        Rule("probabilities_sum_to_1", "The three probabilities sum to 1 (within 0.001).",
             "abs(t.favor + t.against + t.neutral - 1) < 0.001"),
        Rule("two_parties", "Nobody is judged toward itself.", "t.holder_id IS DISTINCT FROM t.target_id"),
        Rule("holder_named", "A holder's mention and its entity come together.",
             "(t.holder_mention_no IS NULL) = (t.holder_id IS NULL)"),
        Rule("target_in_sentence", "The target is mentioned in the sentence that is judged.",
             "p.mention_no <> t.target_mention_no OR p.sentence_no = t.sentence_no", parent="mentions"),
        Rule("mentions_give_entities", "Holder and target are the entities of their mentions.",
             "CASE p.mention_no WHEN t.target_mention_no THEN p.entity_id = t.target_id "
             "ELSE p.entity_id = t.holder_id END", parent="mentions"),
    ),
)  # fmt: skip

REJECTS = Table(
    "rejects",
    "An input that did not make it, or a row that broke a rule.",
    ("reject_id",),
    (
        _text("reject_id", "Digest of the other columns.", pattern=HEX16),
        _text("stage", "The stage that refused it.", allowed=STAGE_NAMES),
        _text("article_id", "The article, where it has one.", nullable=True, pattern=HEX16),
        _text("source_uri", "Where it came from, as in `raw`."),
        _text("reason", "Why, out of a closed set.", allowed=REASONS),
        _text("detail", "What exactly was wrong, and where."),
        Column("raw", pa.binary(), "The input or row itself, at most the first 4,096 bytes.", nullable=True),
    ),
)

RUNS = Table(
    "runs",
    "One stage of one run on one partition.",
    ("run_id", "stage"),
    (
        _text("run_id", "The run: when it started, and a digest; of Airflow, the DAG and its run; of ingest, "
              "the batch."),
        _text("stage", "The stage.", allowed=STAGE_NAMES),
        Column("started_at", TIMESTAMP, "When the stage started."),
        _int("rows_in", "Rows that the stage was given or made (see docs/tables.md for what it counts)."),
        _int("rows_out", "Rows that it passed on."),
        _int("rejected", "Rows that went to `rejects`."),
        _int("duplicates", "Rows that were there already."),
        Column("seconds", pa.float64(), "Wall-clock seconds until the row was made; of several days worked "
               "on at once, this day's share: by articles, of publish and settle by rows.", low=0),
        Column("tokens", pa.int64(), "Word pieces seen by the model; 0 where it is not asked.", low=0),
        _text("code", "Version of the stage."),
        _text("model", "Digest of the model; empty where none is used."),
        _text("config", "Digest of the settings that the stage reads."),
        _text("fingerprint", "Fingerprint of the partition that was built.", pattern=HEX64),
        _text("verdict", "What validation said.", allowed=VERDICTS),
    ),
    rules=(
        Rule("nothing_vanishes", "Rows in = rows out + rejected + duplicates.",
             "t.rows_in = t.rows_out + t.rejected + t.duplicates"),
    ),
    named_by_content=True,  # it holds times
)  # fmt: skip

VECTORS = Table(
    "vectors",
    "What the encoder saw of a mention; passed from `tag` to `judge`, never published.",
    ("article_id", "mention_no"),
    (
        ARTICLE_ID,
        _int("mention_no", "The mention."),
        Column("vector", pa.list_(pa.float16()), "The mention's vector; its width is the model's."),
    ),
    published=False,
)

ATTRIBUTIONS = Table(
    "attributions",
    "A span of a sentence that tells who says something, or what; passed from `tag` to `judge`, never "
    "published.",
    ("article_id", "sentence_no", "start", "end", "role"),
    (
        ARTICLE_ID,
        SENTENCE_NO,
        _int("start", "First character in the sentence's text."),
        _int("end", "First character after it.", low=1),
        _text("role", "Who says it (source), the words that tell so (cue), or what is said (content).",
              allowed=ROLES),
        _probability("score", "Probability of the span's least certain word; null: found by rule.",
                     nullable=True),
    ),
    references=(IN_SENTENCE,),
    rules=(
        Rule("span", "A span starts before it ends.", 't."start" < t."end"'),
        Rule("in_the_sentence", "A span ends with its sentence or before.", 't."end" <= length(p.text)',
             parent="sentences"),
    ),
    published=False,
)  # fmt: skip

DRIFT = Table(
    "drift",
    "A measure of a day against the 28 days before it; made by `pipeline.drift`, never published.",
    ("subject",),
    (
        _text("subject", "Of what: an outlet, a language, or all articles, with what is counted of it."),
        Column("measured", pa.float64(), "The measure on the day.", low=0),
        Column("expected", pa.float64(), "Its median before.", low=0),
        Column("tolerance", pa.float64(), "How far from that it may be.", low=0),
        Column("deviation", pa.float64(), "How far it is from that, in tolerances.", low=-1, high=1),
    ),
    published=False,
)

TABLES: Mapping[str, Table] = {
    t.name: t
    for t in (
        *(RAW, ARTICLES, SENTENCES, REPAIRS, SIGNATURES, MENTIONS, ENTITIES, STANCES_TABLE, REJECTS, RUNS),
        *(VECTORS, ATTRIBUTIONS, DRIFT),
    )
}
PUBLISHED = tuple(t for t in TABLES.values() if t.published)


def conform(name: str, table: pa.Table) -> pa.Table:
    """The table with exactly the declared columns and types, in the declared sort order.

    Nulls pass, wherever they are: which rows have one in the wrong place is for validation to say.
    Raises ValueError when a column is missing, surplus, or cannot be cast without loss.
    """
    schema = TABLES[name].schema
    wrong = sorted(set(schema.names) ^ set(table.column_names))
    if wrong:
        raise ValueError(f"table {name}: columns {', '.join(wrong)} are missing or not declared")
    columns = table.select(schema.names).columns
    cast = [c if c.type == f.type else c.cast(f.type) for c, f in zip(columns, schema, strict=True)]
    found = pa.Table.from_arrays(cast, schema=schema)
    if not _ascends(found, TABLES[name].sort):
        found = found.sort_by([(c, "ascending") for c in TABLES[name].sort])
    return found.combine_chunks()


def _ascends(table: pa.Table, names: Iterable[str]) -> bool:
    """Whether the rows are in the order of these columns already; to look is far cheaper than to sort."""
    tied: Any = True
    for column in (table[name].combine_chunks() for name in names):
        if column.null_count:
            return False
        before, after = column[:-1], column[1:]
        if pc.any(pc.and_(pc.greater(before, after), tied)).as_py():
            return False
        tied = pc.and_(pc.equal(before, after), tied)
    return True


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """A conforming table from one mapping per row."""
    return conform(name, pa.Table.from_pylist(list(rows), schema=TABLES[name].schema))


def stamp(name: str, table: pa.Table, day: date, snapshot: str) -> pa.Table:
    """The table as it is published: `day` and `snapshot` before the declared columns."""
    rows = table.num_rows
    values = [pa.repeat(pa.scalar(day, pa.date32()), rows), pa.repeat(pa.scalar(snapshot), rows)]
    schema = TABLES[name].published_schema
    return pa.Table.from_arrays([*values, *conform(name, table).columns], schema=schema)


def unstamp(name: str, table: pa.Table) -> pa.Table:
    """The inverse of `stamp`."""
    return conform(name, table.drop_columns([c.name for c in PARTITION]))
