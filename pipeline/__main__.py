"""The `standpoint` command: every command and its help."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline import __version__, options, terminal
from pipeline.errors import UsageError
from pipeline.options import (
    FileFormat,
    Format,
    FromOption,
    InputArgument,
    LakeOption,
    LandingOption,
    Order,
    OrderOption,
    ScreenFormat,
    TextFormat,
    ToOption,
)
from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.stages import Context

app = typer.Typer(
    name="standpoint",
    cls=options.Commands,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""Turn raw news articles into tables of **who is for or against whom**, ready for SQL.

Start with `standpoint demo`. For articles of your own: `standpoint ingest FOLDER`, then
`standpoint run`, then `standpoint sql`.

Exit codes: 0 done, 1 data failed validation, 2 usage or configuration, 3 environment.""",
)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"standpoint {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command()
def demo(lake: LakeOption = None, landing: LandingOption = None) -> None:
    """Run the nightly Airflow DAG over the sample corpus and show what came out.

    Needs no server and no network. The lake goes to ./demo/lake unless you name another.
    """
    from pipeline import demo as demonstration

    # Not the environment's lake: the samples must not end up in one that is in use.
    demonstration.show(Settings.load({}, demonstration.SETTINGS, lake=lake, landing=landing))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run the tests; everything after `test` goes to pytest.

    Example: `standpoint test -k export`
    """
    root = Path(__file__).resolve().parent.parent
    if not (root / "tests").is_dir():
        raise UsageError(f"tests: there are none in {root}; run this from a clone of the repository")
    os.chdir(root)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *context.args])  # noqa: S606 - replaces us


@app.command()
def ingest(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE", help="Files, folders or URIs; the landing zone if none."),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(metavar="OURS=YOURS,...", help="Names of columns, such as title=headline,text=body."),
    ] = None,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Take raw articles into the lake: .txt, folders, .tar, .zip, JSON lines, CSV, Parquet.

    Landing the same thing twice adds nothing; a corrected article of the same URL replaces the old one.
    What cannot be read is kept in the table `rejects` with its reason. Another ingest into the same lake is
    waited for. `STANDPOINT_LOG=FILE` appends what is done to a file, a JSON line an event (`-`: standard
    error).

    Example: `standpoint ingest archive.tar.zst wire.csv --columns title=headline,text=body`
    """
    from pipeline import logs
    from pipeline.ingest import ingest as take_in
    from pipeline.lake import Lake

    settings = Settings.load(lake=lake, landing=landing)
    names = options.pairs("--columns", columns)
    with logs.written(settings.log), terminal.reading() as report:
        summary = take_in(Lake(settings.lake), sources or (), settings.landing, report, names, terminal.note)
    terminal.out.print(terminal.table(["ingest", "count"], summary.rows()))


@app.command()
def run(
    first: FromOption = None,
    last: ToOption = None,
    order: OrderOption = Order.oldest,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Make the dirty days current, without Airflow.

    A day is dirty when an article, the code, the configuration or the model behind it has changed;
    `standpoint plan` lists them. Days that another run is at work on come last. Exit code 1: some days failed
    validation and stay as they were.
    `STANDPOINT_LOG=FILE` appends what is done to a file, a JSON line an event (`-`: standard error).

    Example: `standpoint run --from 2021-12-01 --to 2022-03-31`
    """
    from pipeline import logs, plan, runner
    from pipeline.lake import Lake

    settings, days_wanted = Settings.load(lake=lake, landing=landing), options.span(first, last)
    home, context = Lake(settings.lake, create=False), _context(settings)
    days = plan.due(home, context, *days_wanted, newest=order is Order.newest)
    units = list(plan.units(days, home))
    fresh, tokens = sum(due.fresh for due in days), sum(unit.tokens for unit in units)
    with logs.written(settings.log):
        try:
            with terminal.working(len(units), fresh, tokens) as advance:
                failures = runner.run(
                    home, units, context, lambda unit: advance(unit.fresh, unit.tokens), terminal.note
                )
            terminal.note(f"{len(days)} days were due, {fresh:,} articles computed")
            for failure in failures:
                terminal.fail(failure)
        finally:  # what is published by now can be asked, also after Ctrl-C
            runner.finish(home)
    if failures:
        raise typer.Exit(1)


@app.command()
def plan(
    first: FromOption = None,
    last: ToOption = None,
    order: OrderOption = Order.oldest,
    every: Annotated[bool, typer.Option("--all", help="A line for every day.")] = False,
    form: Annotated[TextFormat, typer.Option("--format", help="How to print it.")] = TextFormat.table,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """List the days that are due, why, and about how long they will take.

    Days in a row that are due for the same reasons are one line; csv and json have a row a day. The units
    are what `standpoint run` works through and what Airflow maps its tasks to: small days share one, a day
    that is too large has several (shards). The time is that of one process, at the rates of the last runs.

    Example: `standpoint plan --from 2022-01-01`
    """
    from pipeline import plan as planning
    from pipeline import rates, showplan
    from pipeline.lake import Lake

    settings, days_wanted = Settings.load(lake=lake, landing=landing), options.span(first, last)
    home = Lake(settings.lake, create=False)
    context = _context(settings)
    days = planning.due(home, context, *days_wanted, newest=order is Order.newest)
    units = list(planning.units(days, home))
    showplan.show(units, rates.measured(home, context), form.value, every=every)


@app.command()
def status(
    form: Annotated[ScreenFormat, typer.Option("--format", help="How to print it.")] = ScreenFormat.table,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Show how the lake stands and what to do next.

    Freshness, what is due and why, the rates of the last runs, what failed or was refused, and the quality of
    the last 28 days against the 28 before (view `quality`; ▁ is 0, █ the greatest, · a day without articles).
    Exit code 0, whatever is found; `--format json` is for a monitor.

    Example: `standpoint status --format json | jq .findings`
    """
    from pipeline import showstatus
    from pipeline.lake import Lake
    from pipeline.status import examine

    settings = Settings.load(lake=lake, landing=landing)
    showstatus.show(examine(Lake(settings.lake, create=False), _context(settings)), form.value)


@app.command()
def sql(
    query: Annotated[
        str | None, typer.Argument(metavar="QUERY", help="SQL; if none, standard input or a prompt.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="How to print the result.")] = Format.table,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Ask the tables in SQL (DuckDB, read-only).

    Tables: raw, articles, sentences, repairs, signatures, mentions, entities, stances, rejects, runs.
    Views: evidence, who_on_whom, stance_daily, entity_daily, outlet_lean, quality. `SHOW TABLES` and
    `DESCRIBE evidence` tell more.

    Example: `standpoint sql "FROM evidence WHERE target = 'NATO'" --format csv > nato.csv`
    """
    from pipeline import console, database
    from pipeline.lake import Lake

    home = Lake(Settings.load(lake=lake, landing=landing).lake, create=False)
    with database.connect(home) as connection:
        if query is None and sys.stdin.isatty():
            console.prompt(connection, form.value)
        else:
            console.show(connection, console.read_query() if query is None else query, form.value)


@app.command()
def export(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Folder or URI; made if missing.")],
    query: Annotated[str | None, typer.Option(help="Export this query instead of tables.")] = None,
    tables: Annotated[str | None, typer.Option(metavar="A,B", help="Only these tables; all if none.")] = None,
    form: Annotated[FileFormat, typer.Option("--format", help="What to write.")] = FileFormat.parquet,
    first: FromOption = None,
    last: ToOption = None,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Write tables or the result of a query as plain files, for tools that know no lake.

    Tables go to FOLDER/TABLE/YYYY-MM-DD.parquet (or .csv), a query to FOLDER/query.parquet.
    In CSV, lists and maps are JSON text and bytes are base 64.

    Example: `standpoint export tables --tables articles,stances --format csv`
    """
    from pipeline import export as exporting
    from pipeline.lake import Lake

    home = Lake(Settings.load(lake=lake, landing=landing).lake, create=False)
    days_wanted = options.span(first, last)
    if query is None:
        names = tables.split(",") if tables is not None else None
        written = exporting.tables(home, folder, form.value, names, *days_wanted)
    elif tables is not None or any(days_wanted):
        raise UsageError("--query: it says itself what to export; leave out --tables, --from and --to")
    else:
        written = exporting.query(home, query, folder, form.value)
    terminal.note(f"{written:,} rows written to {folder}")


@app.command()
def diff(
    before: Annotated[str, typer.Argument(metavar="RUN", help="The older run.")],
    after: Annotated[str, typer.Argument(metavar="RUN", help="The newer run.")],
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=0, help="Changes of each kind; 10 in a table, else all, if not given."),
    ] = None,
    form: Annotated[TextFormat, typer.Option("--format", help="How to print it.")] = TextFormat.table,
    other: Annotated[
        str | None, typer.Option("--other-lake", metavar="URI", help="The newer run is in this lake.")
    ] = None,
    first: FromOption = None,
    last: ToOption = None,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Show what two runs say differently of the same sentences, and why: after a new model, say.

    RUN is a `run_id` of the table `runs`, `latest` (the last run), `current` (what is published now) or
    `previous` (what the other RUN replaced). Compared are the days that both built: stances, their
    probabilities and `attributed`, mentions, their types and entities. A build can be compared for a day
    after it was replaced; for longer, keep a second lake. As csv or json, the summary goes to standard
    error. Exit code 0, whether something differs or not.

    Example: `standpoint diff previous latest`

    Example: `standpoint diff current current --other-lake lake-with-new-model --format csv > changes.csv`
    """
    from pipeline import builds, showdiff
    from pipeline.lake import Lake

    settings, days_wanted = Settings.load(lake=lake, landing=landing), options.span(first, last)
    home = Lake(settings.lake, create=False)
    second = Lake(Settings.load(lake=other).lake, create=False) if other is not None else None
    showdiff.show(builds.pair(before, after, home, second, *days_wanted), form.value, limit)


@app.command()
def clean(
    file: InputArgument = None,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain",
            help="Show the changes and why, side by side; FILE may then be anything that `ingest` takes.",
        ),
    ] = False,
) -> None:
    """Repair articles: JSON lines with id, title and lines in; the same with repairs out.

    In: `{"id", "title", "lines": [...]}`. Out: the same id, the repaired title, the lines in the same
    number and order (null: nothing was left), and `repairs: [{"line", "kind", "start", "end", "before",
    "after", "confidence", "evidence"}]`, where line 0 is the title and the raw characters from start to
    end became `before`, then `after`. `suspicions` lists likewise what was left as it is. A line that
    cannot be read gives `{"id", "error"}`, and exit code 1 at the end.

    Example: `standpoint clean articles.jsonl > repaired.jsonl`

    Example: `standpoint clean --explain article.txt`
    """
    if explain:
        from pipeline import explain as explaining

        explaining.show(explaining.articles(file, Settings.load()), terminal.out)
        return
    from pipeline import filters
    from pipeline.clean import clean_record

    with filters.lines_of(file) as lines:
        filters.write(filters.answers(lines, filters.each(clean_record)), sys.stdout.buffer)


@app.command()
def annotate(file: InputArgument = None) -> None:
    """Find entities and stances in texts of your own: JSON lines in, JSON lines out.

    In: `{"id", "text", "targets"?: [[start, end], ...], "pairs"?: [[[s, e], [s, e]], ...]}`. Out:
    `mentions`, `targets` (the stance of the text toward the given spans, else of its sentence toward each
    mention) and `pairs` (the stance of the first span toward the second). Offsets count characters of
    `text`. As in a run, mentions are looked for and judged sentence by sentence, and a line break ends a
    sentence; mentions of one name in `text` have one type, where most of their scores are for it. Given
    spans are judged in the text as a whole.
    The same span has other probabilities when it is given than when it is found: who chooses a span has
    a reason, and among such spans more are favor or against than among all that a text has.
    A line that cannot be read gives `{"id", "error"}`, and exit code 1 at the end.

    Example: `echo '{"id": 1, "text": "Poland backs Ukraine."}' | standpoint annotate`
    """
    from pipeline import filters
    from pipeline.annotate import annotate as judge

    context = _context(Settings.load())
    with filters.lines_of(file) as lines:
        answers = filters.answers(lines, lambda records: judge(records, context.tagger, context.judge))
        filters.write(answers, sys.stdout.buffer)


@app.command()
def airflow(
    home: Annotated[Path, typer.Option(help="Where Airflow keeps its own files.")] = Path(".airflow"),
    port: Annotated[int, typer.Option(help="Port of the web interface.", min=1, max=65535)] = 8080,
    lake: LakeOption = None,
    landing: LandingOption = None,
) -> None:
    """Start a real Airflow on this machine: scheduler, web interface, PostgreSQL. Ctrl-C stops it.

    It listens on loopback only. For production, point an Airflow of your own at `dags/`
    (docs/scheduling.md).
    """
    from pipeline import server

    server.serve(Settings.load(lake=lake, landing=landing), home, port)


@app.command()
def doctor(lake: LakeOption = None, landing: LandingOption = None) -> None:
    """Check installation, model, lake and landing zone, and say what to do."""
    from pipeline.doctor import examine

    found = examine(Settings.load(lake=lake, landing=landing))
    for check in found:
        terminal.out.print(
            f"{'ok' if check.ok else 'NO':>3}  {check.what}: {check.detail}", markup=False, soft_wrap=True
        )
    if not all(check.ok for check in found):
        raise typer.Exit(3)


def main() -> None:
    """Run the command line."""
    app()


def _context(settings: Settings) -> Context:
    from pipeline.stages import Context

    return Context(settings)


if __name__ == "__main__":
    main()
