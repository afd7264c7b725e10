"""`standpoint demo`: the nightly DAG over the sample corpus, then a few real answers."""

from __future__ import annotations

from pathlib import Path

from pipeline import database, server, terminal
from pipeline.errors import EnvironmentProblem
from pipeline.lake import Lake
from pipeline.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = Settings(lake="demo/lake", landing=str(ROOT / "seeds" / "landing"))

COUNTS = """
    SELECT (SELECT count(*) FROM articles) AS articles, (SELECT count(*) FROM sentences) AS sentences,
           (SELECT count(*) FROM mentions) AS mentions, (SELECT count(*) FROM entities) AS entities,
           (SELECT count(*) FROM stances) AS stances, (SELECT count(*) FROM rejects) AS rejects"""
ANSWERS = {
    "Who is against whom": """
        SELECT holder, target, articles, against, favor, neutral, net FROM who_on_whom
        WHERE against > favor ORDER BY against - favor DESC, net, holder, target LIMIT 6""",
    "Who is for whom": """
        SELECT holder, target, articles, favor, against, neutral, net FROM who_on_whom
        WHERE favor > against ORDER BY favor - against DESC, net DESC, holder, target LIMIT 6""",
    "And the sentences that say so": """
        SELECT day, holder, stance, target, sentence FROM evidence
        WHERE stance <> 'neutral' AND holder IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY stance ORDER BY greatest(favor, against) DESC, sentence) <= 3
        ORDER BY stance, greatest(favor, against) DESC, sentence""",
}


def show(settings: Settings) -> None:
    """Run the nightly DAG once and print what came out and where to look.

    Raises EnvironmentProblem when the landing zone is missing or the DAG run failed.
    """
    lake = Path(settings.lake)
    if not Path(settings.landing).is_dir():
        raise EnvironmentProblem(f"landing zone {settings.landing!r} is no folder: name one with --landing")
    terminal.note(f"The nightly DAG of Airflow over {settings.landing}, into {lake}:")
    server.run_nightly(settings, lake.parent / "airflow")
    home = Lake(settings.lake, create=False)
    with database.connect(home) as connection:
        terminal.out.print()
        terminal.out.print(_counts(connection))
        for title, query in ANSWERS.items():
            result = database.query(connection, query)
            columns = [column[0] for column in result.description or []]
            terminal.out.print(f"\n[bold]{title}[/bold]")
            terminal.out.print(terminal.table(columns, result.fetchall()))
    terminal.out.print(_where(lake), markup=False)


def _counts(connection: database.Connection) -> str:
    result = database.query(connection, COUNTS)
    names = [column[0] for column in result.description or []]
    (counts,) = result.fetchall()
    return "In the lake: " + ", ".join(f"{c:,} {n}" for n, c in zip(names, counts, strict=True))


def _where(lake: Path) -> str:
    return f"""
Tables       {lake / "data"}
Validation   {lake / "_docs" / "index.html"}
DuckDB       {lake / database.FILE} (read-only, any DuckDB client)
Ask          ./standpoint sql --lake {lake} "FROM who_on_whom LIMIT 20"
Your own     ./standpoint ingest FOLDER && ./standpoint run && ./standpoint sql"""
