"""Data Docs: one static page a validation under the lake's `_docs`, an index of them, and their rotation.

    _docs/<unit>/<stage>.<verdict>.html   the page, which needs no network
    _docs/<unit>/<stage>.<verdict>.json   Great Expectations' own record
    _docs/index.html                      the latest of them, from a listing

The verdict stands in the name, so that the index needs no page's content: however many tasks write
pages at once, whoever rebuilds the index last lists them all.
"""

from __future__ import annotations

import html
import json
import re
from datetime import datetime, timedelta
from importlib import resources
from string import Template

from pipeline import validate
from pipeline.store import Entry, Store
from pipeline.validate import Report

FOLDER = "_docs"
INDEX = f"{FOLDER}/index.html"
PAGES = 400  # about 66 units of six stages, and 30 MB
KEEP = timedelta(days=30)
PAGE = re.compile(rf"{FOLDER}/(?P<unit>[^/]+)/(?P<stage>\w+)\.(?P<verdict>passed|quarantined|failed)\.html")


def record(store: Store, report: Report) -> str:
    """Write the page and the record of a validation, in place of an earlier one; returns the page's path."""
    name = f"{FOLDER}/{report.unit}/{report.stage}"
    path = f"{name}.{report.verdict}.html"
    # The page first, and last when they go: a record without its page would be listed and removed by nobody.
    store.write(path, validate.page(report).encode())
    store.write(_beside(path), json.dumps(report.results, indent=1).encode())
    for verdict in ("passed", "quarantined", "failed"):
        if verdict != report.verdict:
            _delete(store, f"{name}.{verdict}.html")
    return path


def rebuild_index(store: Store) -> None:
    """List the latest pages in `_docs/index.html`, put in place whole, and delete the older ones."""
    pages = [(entry, page) for entry in store.list(FOLDER) if (page := PAGE.fullmatch(entry.path))]
    pages.sort(key=lambda found: (found[0].modified, found[0].path), reverse=True)
    for entry, _ in pages[PAGES:]:
        _delete(store, entry.path)
    files = resources.files("pipeline") / "pages"
    text = Template(files.joinpath("index.html").read_text("utf-8")).substitute(
        style=files.joinpath("style.html").read_text("utf-8"),
        limit=PAGES,
        rows="\n".join(_row(entry, page) for entry, page in pages[:PAGES]),
    )
    store.write(INDEX, text.encode())


def rotate(store: Store, now: datetime) -> int:
    """Remove the units whose pages are all older than KEEP, and list what is left; returns how many units."""
    newest: dict[str, datetime] = {}
    for entry in store.list(FOLDER):
        unit, _, name = entry.path.removeprefix(f"{FOLDER}/").partition("/")
        if name:
            newest[unit] = max(entry.modified, newest.get(unit, entry.modified))
    old = [unit for unit, modified in newest.items() if modified < now - KEEP]
    for unit in old:
        store.delete_folder(f"{FOLDER}/{unit}")
    rebuild_index(store)
    return len(old)


def _row(entry: Entry, page: re.Match[str]) -> str:
    unit, stage, verdict = (html.escape(page[name]) for name in ("unit", "stage", "verdict"))
    link = html.escape(entry.path.removeprefix(f"{FOLDER}/"))
    return (
        f"    <tr><td>{entry.modified:%Y-%m-%d %H:%M:%S}</td><td>{unit}</td><td>{stage}</td>"
        f'<td><a class="{verdict}" href="{link}">{verdict}</a></td></tr>'
    )


def _beside(page: str) -> str:
    return page.removesuffix(".html") + ".json"


def _delete(store: Store, page: str) -> None:
    store.delete(_beside(page))
    store.delete(page)
