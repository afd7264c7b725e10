"""Generates references: `python -m pipeline.docs`.

`docs/tables.md` comes from `pipeline.schemas` and the views, `docs/cli.md` from the commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline import schemas
from pipeline.database import analyst_views, comment_of
from pipeline.schemas import Column, Table

COMMAND = "python -m pipeline.docs"
PAGE = Path(__file__).parent.parent / "docs" / "tables.md"
CLI_PAGE = PAGE.with_name("cli.md")
VIEW_COLUMN = re.compile(r"^ {4}.*?(?P<name>\w+),? -- (?P<meaning>.+)$")
COUNTED = (
    ("ingest", "raw", "items found in the sources: records, archive members, files"),
    ("clean", "articles", "articles"),
    ("tag", "mentions", "mentions"),
    ("link", "mentions", "mentions"),
    ("judge", "stances", "judgements"),
    ("publish", "", "rows of all published tables but `runs`"),
    ("settle", "", "rows of `articles`, `sentences` and `entities`, settled anew when a day before changed"),
)


def tables_markdown() -> str:
    """The reference of every table and view of the lake, as Markdown."""
    tables = [schemas.TABLES[t.name] for t in schemas.PUBLISHED]
    links = [f"- [`{t.name}`](#{t.name}): {t.row}" for t in tables]
    views = analyst_views()
    links += [f"- [`{name}`](#{name}) (view): {_first_sentence(sql)}" for name, sql in views.items()]
    parts = [
        "# Tables",
        f"Generated from `pipeline/schemas.py` and `pipeline/views/` by `{COMMAND}`; edit those.",
        "\n".join(links),
        "Every published table starts with two columns of its partition:",
        _columns(schemas.PARTITION),
        "A row is found again by `day` and its key. Files are sorted by the key.",
        *(part for table in tables for part in _table(table)),
        "## Between stages",
        *(part for t in schemas.TABLES.values() if not t.published for part in _table(t)),
        "## Views",
        *(part for name, sql in views.items() for part in _view(name, sql)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def cli_markdown() -> str:
    """The reference of every command and option, as Markdown: the help that `--help` shows."""
    import typer
    from typer.cli import get_docs_for_click
    from typer.core import TyperGroup

    from pipeline.__main__ import app

    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)  # noqa: S101 - what an app of several commands is
    context = typer.Context(command, info_name="standpoint")
    text = get_docs_for_click(obj=command, ctx=context, name="standpoint", title="Command line")
    for name, part in command.commands.items():  # the list has these cut at 45 characters
        first = " ".join((part.help or "").partition("\n\n")[0].split())
        text = re.sub(rf"^\* `{name}`: .*$", f"* [`{name}`](#standpoint-{name}): {first}", text, flags=re.M)
    note = f"Generated from `pipeline/__main__.py` by `{COMMAND}`; edit that."
    return text.replace("# Command line\n", f"# Command line\n\n{note}\n", 1).rstrip() + "\n"


def _table(table: Table) -> list[str]:
    return [
        f"### {table.name}",
        f"{table.row} Key: {_names(table.key)}.",
        _columns(table.columns),
        _references(table),
        _rules(table),
        _counted() if table.name == "runs" else "",
    ]


def _columns(columns: Iterable[Column]) -> str:
    rows = [(f"`{c.name}`", f"`{_type(c)}`", _allowed(c), c.meaning) for c in columns]
    return _grid(("Column", "Type", "Values", "Meaning"), rows)


def _type(column: Column) -> str:
    """The Arrow type, without the names that Arrow gives to the items of lists."""
    return str(column.type).replace("item: ", "")


def _allowed(column: Column) -> str:
    found = ["null"] if column.nullable else []
    found += [f"`{value}`" for value in column.allowed]
    found += [column.limits] if column.limits else []
    found += [f"`{column.pattern}`"] if column.pattern else []
    return ", ".join(found)


def _references(table: Table) -> str:
    lines = [f"- {_names(r.columns)} → `{r.table}` ({_names(r.to)})" for r in table.references]
    return "Refers to:\n\n" + "\n".join(lines) if lines else ""


def _rules(table: Table) -> str:
    rows = [
        (f"`{r.name}`", r.meaning, f"`{r.sql}`", f"`{r.parent}`" if r.parent else "") for r in table.rules
    ]
    heads = ("Rule", "What it asks", "SQL over the row `t`", "and its row `p` of")
    return _grid(heads, rows) if rows else ""


def _counted() -> str:
    rows = [(f"`{stage}`", f"`{table}`" if table else "–", what) for stage, table, what in COUNTED]
    return "What a stage's rows are:\n\n" + _grid(("Stage", "Table", "Rows in, out, rejected count"), rows)


def _view(name: str, sql: str) -> list[str]:
    rows = [(f"`{column}`", meaning) for column, meaning in view_columns(sql)]
    return [f"### {name}", comment_of(sql), _grid(("Column", "Meaning"), rows)]


def view_columns(sql: str) -> list[tuple[str, str]]:
    """The columns of a view and their meanings: from the comments that end the lines of its last SELECT."""
    select = sql[sql.rindex("\nSELECT") :]
    found = (VIEW_COLUMN.match(line) for line in select.splitlines())
    return [(match["name"], match["meaning"]) for match in found if match]


def _first_sentence(sql: str) -> str:
    return comment_of(sql).split(". ")[0].rstrip(".") + "."


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _grid(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(tables_markdown(), encoding="utf-8")
    CLI_PAGE.write_text(cli_markdown(), encoding="utf-8")
