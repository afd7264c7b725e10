"""The `standpoint` command: every command, its options and its help."""

from __future__ import annotations

import os
import sys
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import __version__, terminal
from pipeline.errors import StandpointError, UsageError
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.stages import Context

app = typer.Typer(
    name="standpoint",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Turn raw news articles into tables of **who is for or against whom**, ready for SQL.

Start with `standpoint demo`. For articles of your own: `standpoint ingest FOLDER`, then
`standpoint run`, then `standpoint sql`.

Exit codes: 0 done, 1 data failed validation, 2 usage or configuration, 3 environment.""",
)

LAKE = "Folder or s3:// URI of the lake. [env: STANDPOINT_LAKE; default: ./lake]"
LANDING = "Folder or s3:// URI of the raw articles. [env: STANDPOINT_LANDING; default: ./landing]"
Lake_ = Annotated[str | None, typer.Option("--lake", metavar="URI", help=LAKE, show_default=False)]
Landing_ = Annotated[str | None, typer.Option("--landing", metavar="URI", help=LANDING, show_default=False)]
From_ = Annotated[str | None, typer.Option("--from", metavar="DAY", help="First day, YYYY-MM-DD.")]
To_ = Annotated[str | None, typer.Option("--to", metavar="DAY", help="Last day, YYYY-MM-DD.")]
Input_ = Annotated[Path | None, typer.Argument(metavar="[FILE]", help="JSON lines; standard input if none.")]


class Format(StrEnum):
    """How `sql` prints."""

    table = "table"
    csv = "csv"
    json = "json"
    parquet = "parquet"


class FileFormat(StrEnum):
    """What `export` writes."""

    parquet = "parquet"
    csv = "csv"


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"standpoint {__version__}")
        raise typer.Exit


@app.command()
def demo(lake: Lake_ = None, landing: Landing_ = None) -> None:
    """Run the nightly Airflow DAG over the sample corpus and show what came out.

    Needs no server and no network. The lake goes to ./demo/lake unless you name another.
    """
    from pipeline import demo as demonstration

    demonstration.show(Settings.load(base=demonstration.SETTINGS, lake=lake, landing=landing))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests; everything after `test` goes to pytest."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "tests").is_dir():
        raise UsageError(f"tests: there are none in {root}; run this from a clone of the repository")
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *context.args])  # noqa: S606 - replaces us


@app.command()
def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[SOURCE]...", help="Files, folders or URIs; the landing zone if none."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="OURS=YOURS,...", help="Names of columns, such as title=headline,text=body."),
    ] = None,
    lake: Lake_ = None,
    landing: Landing_ = None,
) -> None:
    """Take raw articles into the lake: .txt, folders, .tar, .zip, JSON lines, CSV, Parquet.

    Landing the same thing twice adds nothing; a corrected article of the same URL replaces the old one.
    What cannot be read is kept in the table `rejects` with its reason.
    """
    from pipeline.ingest import ingest as take_in
    from pipeline.lake import Lake

    settings = Settings.load(lake=lake, landing=landing)
    names = _pairs("columns", columns)
    with terminal.reading() as report:
        summary = take_in(Lake(settings.lake), sources or (), settings.landing, report, names)
    terminal.out.print(terminal.table(None, ["ingest", "count"], summary.rows()))


@app.command()
def run(first: From_ = None, last: To_ = None, lake: Lake_ = None, landing: Landing_ = None) -> None:
    """Make the dirty days current, without Airflow.

    A day is dirty when an article, the code, the configuration or the model behind it has changed;
    `standpoint plan` lists them. Exit code 1: some days failed validation and stay as they were.
    """
    from pipeline import plan, runner
    from pipeline.lake import Lake

    settings = Settings.load(lake=lake, landing=landing)
    home, context = Lake(settings.lake, create=False), _context(settings)
    days = plan.due(home, context, _day("--from", first), _day("--to", last))
    with terminal.progress("articles", sum(d.fresh for d in days)) as advance:
        failures = runner.run(home, list(plan.units(days, home)), context, advance)
    runner.finish(home)
    terminal.note(f"{len(days)} days were due, {sum(d.fresh for d in days):,} articles computed")
    for failure in failures:
        terminal.fail(failure)
    if failures:
        raise typer.Exit(1)


@app.command()
def plan(first: From_ = None, last: To_ = None, lake: Lake_ = None, landing: Landing_ = None) -> None:
    """List the days that are due, and why."""
    from pipeline import plan as planning
    from pipeline.lake import Lake

    settings = Settings.load(lake=lake, landing=landing)
    home = Lake(settings.lake, create=False)
    days = planning.due(home, _context(settings), _day("--from", first), _day("--to", last))
    rows = [
        (due.day, unit.id, ", ".join(due.reasons), due.articles, due.fresh)
        for unit in planning.units(days, home)
        for due in unit.days
    ]
    if rows:
        heads = ["day", "unit", "why", "articles", "to compute"]
        terminal.out.print(terminal.table(None, heads, rows))
    terminal.note(f"{len(rows)} days are due")


@app.command()
def sql(
    query: Annotated[str | None, typer.Argument(metavar="[QUERY]", help="SQL; a prompt if none.")] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.table,
    lake: Lake_ = None,
) -> None:
    """Ask the tables in SQL (DuckDB, read-only).

    Tables: raw, articles, sentences, mentions, entities, stances, rejects, runs. Views: evidence,
    who_on_whom, stance_daily, entity_daily, outlet_lean, quality. `SHOW TABLES` and `DESCRIBE evidence`
    tell more.
    """
    from pipeline import console, database
    from pipeline.lake import Lake

    with database.connect(Lake(Settings.load(lake=lake).lake, create=False)) as connection:
        if query is None:
            console.prompt(connection)
        else:
            console.show(database.query(connection, query), form.value)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to write; made if missing.")],
    query: Annotated[str | None, typer.Option(help="Export this query instead of tables.")] = None,
    tables: Annotated[str | None, typer.Option(metavar="A,B", help="Only these tables; all if none.")] = None,
    form: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = FileFormat.parquet,
    first: From_ = None,
    last: To_ = None,
    lake: Lake_ = None,
) -> None:
    """Write tables as plain files, FOLDER/TABLE/day=YYYY-MM-DD/TABLE.parquet, or a query as one file."""
    from pipeline import export as exporting
    from pipeline.lake import Lake

    home = Lake(Settings.load(lake=lake).lake, create=False)
    if query is not None:
        written = exporting.query(home, query, folder, form.value)
    else:
        names = tables.split(",") if tables else None
        span = (_day("--from", first), _day("--to", last))
        written = exporting.tables(home, folder, form.value, names, *span)
    terminal.note(f"{written:,} rows written to {folder}")


@app.command()
def clean(file: Input_ = None) -> None:
    """Repair articles: JSON lines with id, title and lines in; the same with repairs out.

    In: `{"id", "title", "lines": [...]}`. Out: the same id, the repaired title, the lines in the same
    number and order (null: nothing was left), and `repairs: [{"line", "kind", "before", "after"}]`,
    where line 0 is the title.
    """
    from pipeline import filters
    from pipeline.clean import clean_record

    with filters.lines_of(file) as lines:
        filters.write((clean_record(record) for record in filters.parse(lines)), sys.stdout)


@app.command()
def annotate(file: Input_ = None) -> None:
    """Find entities and stances in texts of your own: JSON lines in, JSON lines out.

    In: `{"id", "text", "targets"?: [[start, end], ...], "pairs"?: [[[s, e], [s, e]], ...]}`. Out:
    `mentions`, `targets` (the stance of the text toward the given spans, else toward the mentions)
    and `pairs` (the stance of the first span toward the second). Offsets count characters of `text`.
    """
    from pipeline import filters
    from pipeline.annotate import annotate as judge

    context = _context(Settings.load())
    with filters.lines_of(file) as lines:
        filters.write(judge(filters.parse(lines), context.tagger, context.judge), sys.stdout)


@app.command()
def airflow(
    home: Annotated[Path, typer.Option(help="Where Airflow keeps its own files.")] = Path(".airflow"),
    port: Annotated[int, typer.Option(help="Port of the web interface.", min=1, max=65535)] = 8080,
    lake: Lake_ = None,
    landing: Landing_ = None,
) -> None:
    """Start a real Airflow on this machine: scheduler, web interface, PostgreSQL. Ctrl-C stops it.

    It listens on loopback only. For production, point an Airflow of your own at `dags/`
    (docs/scheduling.md).
    """
    from pipeline import server

    server.serve(Settings.load(lake=lake, landing=landing), home, port)


@app.command()
def doctor(lake: Lake_ = None, landing: Landing_ = None) -> None:
    """Check installation, model, lake and landing zone, and say what to do."""
    from pipeline.doctor import examine

    found = examine(Settings.load(lake=lake, landing=landing))
    for check in found:
        terminal.out.print(f"{'ok' if check.ok else 'NO':>3}  {check.what}: {check.detail}", markup=False)
    if not all(check.ok for check in found):
        raise typer.Exit(3)


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and an exit code."""
    try:
        app()
    except StandpointError as error:
        terminal.fail(str(error))
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        terminal.fail("stopped")
        sys.exit(130)
    except BrokenPipeError:  # `standpoint sql … | head`: what reads us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _context(settings: Settings) -> Context:
    from pipeline.stages import Context

    return Context(settings)


def _day(option: str, text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"{option}: {text!r} is not a day such as 2021-12-29") from error


def _pairs(option: str, text: str | None) -> dict[str, str] | None:
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    if not all(key.strip() and value.strip() for key, _, value in parts):
        raise UsageError(f"--{option}: {text!r} is not a list such as title=headline,text=body")
    return {key.strip(): value.strip() for key, _, value in parts}


if __name__ == "__main__":
    main()
