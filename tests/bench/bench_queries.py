"""Query times of the analyst views over many partitions, beside the same data in one file per table.

    python -m tests.bench.bench_queries [--mentions 1000000] [--days 3650] [--lake DIR]

The lake is that of the sample corpus (`seeds/`), run through the real pipeline once, and then repeated under
new article ids over so many days. Prints how long it takes to compact, to read the manifests, to rebuild
`standpoint.duckdb` and to plan; then for each view the least processor time of five whole queries of a kind
that an analyst asks: over one Parquet file per table, over the lake when all is compacted, and when the last
days have changed since, as many as are left so (`pipeline.compact.LOOSE`); with `--days-alone` also over the
days' own files. Processor time is what a query takes on a core of its own; the machine may do other work.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow.parquet as pq
from rich.progress import track

from pipeline import compact, database, plan, runner, schemas, spans
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import big_lake

SEEDS = Path(__file__).parents[2] / "seeds" / "landing"
ROUNDS = 5
QUERIES = {
    "stance_daily": "SELECT * FROM stance_daily WHERE target_id = '{entity}' ORDER BY day",
    "who_on_whom": "SELECT * FROM who_on_whom ORDER BY articles DESC LIMIT 20",
    "entity_daily": "SELECT * FROM entity_daily WHERE entity_id = '{entity}' ORDER BY day",
    "outlet_lean": "SELECT * FROM outlet_lean WHERE target_id = '{entity}' ORDER BY net",
    "evidence": "SELECT * FROM evidence WHERE target_id = '{entity}' AND day BETWEEN '{first}' AND '{last}'",
    "quality": "SELECT * FROM quality ORDER BY day",
}
Result = TypeVar("Result")


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Seconds of the processor that `work` took, and what it returned."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def small() -> dict[str, object]:
    """The sample corpus, run through the pipeline, as the tables of one day."""
    with tempfile.TemporaryDirectory() as folder:
        lake, context = Lake(folder), Context(Settings())
        ingest(lake, [str(SEEDS)])
        runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
        return big_lake.template(lake)


def one_file(lake: Lake, folder: Path) -> duckdb.DuckDBPyConnection:
    """The same tables, one Parquet file each, and the same views over them."""
    made = duckdb.connect()
    with database.connect(lake) as connection:
        for table in schemas.PUBLISHED:
            path = folder / f"{table.name}.parquet"
            rows = connection.execute(f"FROM {table.name}").to_arrow_table()
            pq.write_table(rows, path, compression="zstd", row_group_size=compact.GROUP_ROWS)
            made.execute(f"CREATE VIEW {table.name} AS FROM read_parquet('{path}')")
    for name, sql in database.analyst_views().items():
        made.execute(f"CREATE VIEW {name} AS {sql}")
    return made


@contextmanager
def changed(lake: Lake, days: int) -> Iterator[None]:
    """The last days as if they were not what was compacted: by the digest of a table that nobody asks."""
    before = list(lake.manifests().values())[-days:]
    entries = [{**m.tables, "runs": {**m.tables["runs"], "sha256": "0" * 64}} for m in before]
    lake.commit([replace(m, tables=t) for m, t in zip(before, entries, strict=True)])
    database.refresh(lake)
    try:
        yield
    finally:
        lake.commit(before)
        database.refresh(lake)


def best(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """Seconds of the fastest of some rounds."""
    return min(timed(lambda: connection.execute(sql).to_arrow_table())[0] for _ in range(ROUNDS))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures the analyst views over many partitions.")
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=3_650)
    parser.add_argument("--lake", type=Path, help="keep the lake here, and use it again where it is")
    parser.add_argument(
        "--days-alone", action="store_true", help="ask the days' own files, too: removes what is compacted"
    )
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        lake = Lake(str(given.lake or Path(scratch) / "lake"))
        if not lake.manifests():
            tables = small()
            days = iter(track(range(given.days), "days", transient=True))
            big_lake.fill(lake, tables, given.days, given.mentions, lambda _: next(days) and None)
        sizes(lake)
        queries(lake, Path(scratch), days_alone=given.days_alone)


def sizes(lake: Lake) -> None:
    """How large the lake is, and how long it takes to look after it."""
    told: dict[str, float] = {}
    told["reading the manifests, s"], manifests = timed(lake.manifests)
    told["compacting, s"], _ = timed(lambda: compact.compact(lake))
    told["rebuilding the database, s"], _ = timed(lambda: database.refresh(lake))
    told["planning, s"], _ = timed(lambda: plan.due(lake, Context(Settings())))
    print(f"{'days':30} {len(manifests):>10,}")
    for name in ("articles", "sentences", "mentions", "stances"):
        print(f"{name:30} {sum(m.tables[name]['rows'] for m in manifests.values()):>10,}")
    for what, folder in (("data, MB", "data"), ("compacted, MB", spans.FOLDER)):
        print(f"{what:30} {sum(entry.size for entry in lake.store.list(folder)) / 1e6:>10.1f}")
    for what, seconds in told.items():
        print(f"{what:30} {seconds:>10.2f}")


def queries(lake: Lake, scratch: Path, *, days_alone: bool) -> None:
    """Each view's time over each way to store the same rows."""
    days = list(lake.manifests())
    first, last = next(d for d in days if (days[-1] - d).days < 28), days[-1]
    with ExitStack() as stack:
        one = stack.enter_context(one_file(lake, scratch))
        top = "SELECT entity_id FROM entity_daily GROUP BY ALL ORDER BY sum(articles) DESC, 1 LIMIT 1"
        (entity,) = one.execute(top).fetchone() or ("",)
        asked = {
            name: query.format(entity=str(entity).replace("'", "''"), first=first, last=last)
            for name, query in QUERIES.items()
        }
        found = {"one file": {name: best(one, sql) for name, sql in asked.items()}}
        with database.connect(lake) as compacted:
            found["compacted"] = {name: best(compacted, sql) for name, sql in asked.items()}
        with changed(lake, compact.LOOSE), database.connect(lake) as partly:
            found[f"{compact.LOOSE} loose"] = {name: best(partly, sql) for name, sql in asked.items()}
        if days_alone:
            shutil.rmtree(lake.store.full(spans.FOLDER))
            database.refresh(lake)
            with database.connect(lake) as alone:
                found["days alone"] = {name: best(alone, sql) for name, sql in asked.items()}
    print(f"\n{'view':14}" + "".join(f"{way:>12} {'ratio':>6}" for way in found))
    for name in asked:
        times = [(times[name], times[name] / found["one file"][name]) for times in found.values()]
        print(f"{name:14}" + "".join(f"{seconds:>12.3f} {ratio:>6.2f}" for seconds, ratio in times))


if __name__ == "__main__":
    main()
