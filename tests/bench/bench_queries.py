"""Query times of the analyst views over many partitions, beside the same data in one file per table.

    python -m tests.bench.bench_queries [--mentions 1000000] [--days 365] [--lake DIR]

The lake is that of the sample corpus (`seeds/`), run through the real pipeline once, and then repeated under
new article ids over so many days. Prints how long the manifests take to read, `standpoint.duckdb` to rebuild
and the plan to make, then for each view the best of three whole queries of a kind that an analyst asks, over
the lake and over one compacted Parquet file per table, and the ratio.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import duckdb
from rich.progress import track

from pipeline import database, plan, runner, schemas
from pipeline.ingest import ingest
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context
from tests.bench import big_lake

SEEDS = Path(__file__).parents[2] / "seeds" / "landing"
ROUNDS = 3
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
    """Seconds that `work` took, and what it returned."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def small() -> dict[str, object]:
    """The sample corpus, run through the pipeline, as the tables of one day."""
    with tempfile.TemporaryDirectory() as folder:
        lake, context = Lake(folder), Context(Settings())
        ingest(lake, [str(SEEDS)])
        runner.run(lake, list(plan.units(plan.due(lake, context), lake)), context)
        return big_lake.template(lake)


def compacted(lake: Lake, folder: Path) -> duckdb.DuckDBPyConnection:
    """The same tables, one Parquet file each, and the same views over them."""
    with database.connect(lake) as connection:
        tables = {t.name: connection.execute(f"FROM {t.name}").to_arrow_table() for t in schemas.PUBLISHED}
    made = duckdb.connect()
    for name, table in tables.items():
        made.register("table_given", table)
        path = folder / f"{name}.parquet"
        made.execute(f"COPY table_given TO '{path}' (COMPRESSION zstd)")
        made.unregister("table_given")
        made.execute(f"CREATE VIEW {name} AS FROM read_parquet('{path}')")
    for name, sql in database.analyst_views().items():
        made.execute(f"CREATE VIEW {name} AS {sql}")
    return made


def best(connection: duckdb.DuckDBPyConnection, sql: str) -> float:
    """Seconds of the fastest of some rounds."""
    return min(timed(lambda: connection.execute(sql).to_arrow_table())[0] for _ in range(ROUNDS))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description="Measures the analyst views over many partitions.")
    parser.add_argument("--mentions", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--lake", type=Path, help="keep the lake here, and use it again where it is")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.lake or Path(scratch) / "lake"
        lake = Lake(str(folder))
        if not lake.manifests():
            tables = small()
            days = iter(track(range(given.days), "days", transient=True))
            big_lake.fill(lake, tables, given.days, given.mentions, lambda _: next(days) and None)
        report(lake, Path(scratch))


def report(lake: Lake, scratch: Path) -> None:
    """All figures of one lake."""
    spent, manifests = timed(lake.manifests)
    print(f"{'days':30} {len(manifests):>10,}")
    for name in ("articles", "sentences", "mentions", "stances"):
        print(f"{name:30} {sum(m.tables[name]['rows'] for m in manifests.values()):>10,}")
    print(f"{'reading the manifests, s':30} {spent:>10.2f}")
    print(f"{'rebuilding the database, s':30} {timed(lambda: database.refresh(lake))[0]:>10.2f}")
    context = Context(Settings())
    spent, due = timed(lambda: plan.due(lake, context))
    print(f"{f'planning ({len(due):,} due), s':30} {spent:>10.2f}\n")
    with database.connect(lake) as many, compacted(lake, scratch) as one:
        top = "SELECT entity_id FROM entity_daily GROUP BY ALL ORDER BY sum(articles) DESC, 1 LIMIT 1"
        (entity,) = many.execute(top).fetchone() or ("",)
        last = max(manifests)
        first = min(d for d in manifests if (last - d).days < 28)
        print(f"{'view':14} {'lake, s':>9} {'one file, s':>12} {'ratio':>7}")
        for name, query in QUERIES.items():
            sql = query.format(entity=str(entity).replace("'", "''"), first=first, last=last)
            ours, theirs = best(many, sql), best(one, sql)
            print(f"{name:14} {ours:>9.3f} {theirs:>12.3f} {ours / theirs:>7.2f}")


if __name__ == "__main__":
    main()
