"""Build `seeds/landing` from `seeds/sources` as `seeds/plan.csv` says: `python -m seeds.make`.

Each row of the plan lands one article in one file; rows with the same file share it, in that order. The
file's name gives its form. Columns:

- `file`: path under `seeds/landing`.
- `article`: name of a file in `seeds/sources`.
- `date`, `url`: the header as it lands, where it differs from the source; `-` leaves the line or field
  out, `blank` leaves it empty.
- `damage`: names from `seeds/damage.py`, applied from left to right; `cut` stops the row in the middle,
  `half` the file.

The same sources and plan give the same bytes: every random choice is seeded by the article's name, members
of archives carry one fixed time and owner, and all compression is pyarrow's own, whatever the machine has.
A new version of pyarrow may write other bytes: build again and commit the result.
"""

import csv
import io
import json
import shutil
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

from seeds import article, damage
from seeds.article import Article

PLAN = article.HERE / "plan.csv"
LANDING = article.HERE / "landing"
PACKED_AT = datetime(2022, 4, 1, 6, tzinfo=UTC)  # later than every article, as it would be

# Files whose columns are not called id, title, date, url, text; each gets a sidecar that says so.
COLUMNS = {
    "records/agency.csv": {"title": "headline", "date": "pubdate", "url": "link", "text": "body"},
    "records/agency.parquet": {
        "id": "guid",
        "title": "headline",
        "date": "pubdate",
        "url": "link",
        "text": "body",
    },
}

BREAKS = ("cut", "half")

Row = dict[str, str]


def _landed(row: Row) -> Article:
    """The article of a row of the plan with its header and damage, before it is encoded."""
    text = article.read(row["article"])
    date = row["date"] or (
        text.date.replace("-", "") if row["file"].endswith((".txt", ".rtf")) else text.date
    )
    text = text._replace(date=date, url=row["url"] or text.url)
    rng = Random(row["article"])  # noqa: S311 - damage, not a secret
    for name in row["damage"].split():
        if name not in damage.BYTES and name not in BREAKS:
            text = damage.TEXT[name](text, rng)
    date, url = ("" if value == "blank" else value for value in (text.date, text.url))
    return text._replace(date=date, url=url)


def _txt(row: Row) -> bytes:
    text = _landed(row)
    head = [line for line in (text.title, text.date, text.url) if line != "-"]
    data = "".join(f"{line}\n" for line in (*head, *text.paragraphs)).encode()
    for name in row["damage"].split():
        data = damage.BYTES.get(name, bytes)(data)
    return data


def _record(row: Row) -> dict[str, str]:
    """The article as a row of a table, by the default column names; text is one paragraph a line."""
    text = _landed(row)
    record = {"id": row["article"], "title": text.title, "date": text.date, "url": text.url}
    return record | {"text": "\n".join(text.paragraphs)}


def _jsonl(rows: list[Row]) -> bytes:
    data = ""
    for row in rows:
        record = _record(row)
        lines = record.pop("text").split("\n")
        line = json.dumps({**record, "lines": lines}, ensure_ascii=False)
        data += (line[: len(line) // 2] if "cut" in row["damage"] else line) + "\n"
    return data.encode()


def _table(rows: list[Row]) -> dict[str, list[str]]:
    """Column name to values, by the names that the file uses."""
    records, names = [_record(row) for row in rows], COLUMNS.get(rows[0]["file"], {})
    kept = [name for name in records[0] if name in names or not names]
    return {names.get(name, name): [record[name] for record in records] for name in kept}


def _csv(rows: list[Row]) -> bytes:
    table, out = _table(rows), io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table)
    for row, values in zip(rows, zip(*table.values(), strict=True), strict=True):
        writer.writerow(values[:2] if "cut" in row["damage"] else values)
    return out.getvalue().encode()


def _parquet(rows: list[Row]) -> bytes:
    """Parquet; a date column under a name of its own holds timestamps, the default one text."""
    table, out = pa.table(_table(rows)), io.BytesIO()
    if "pubdate" in table.column_names:
        place, days = table.column_names.index("pubdate"), table["pubdate"].to_pylist()
        moments = pa.array([datetime.fromisoformat(day) for day in days], pa.timestamp("s", tz="UTC"))
        table = table.set_column(place, "pubdate", moments)
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def _members(rows: list[Row]) -> dict[str, bytes]:
    return {f"articles/{number:03d}_{row['article']}.txt": _txt(row) for number, row in enumerate(rows)}


def _tar(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in _members(rows).items():
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), int(PACKED_AT.timestamp())
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def _zip(rows: list[Row]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in _members(rows).items():
            member = zipfile.ZipInfo(name, PACKED_AT.timetuple()[:6])
            member.create_system, member.external_attr = 3, 0o644 << 16  # as made on Unix
            archive.writestr(member, data)
    return out.getvalue()


FORMS = {".jsonl": _jsonl, ".csv": _csv, ".parquet": _parquet, ".tar": _tar, ".zip": _zip}
CODECS = {".gz": "gzip", ".zst": "zstd"}


def build() -> dict[str, bytes]:
    """The whole landing zone: path under `seeds/landing` to content."""
    with PLAN.open(encoding="utf-8", newline="") as plan:
        rows = list(csv.DictReader(plan))
    landing: dict[str, bytes] = {}
    for file in dict.fromkeys(row["file"] for row in rows):
        landing[file] = _file(Path(file).suffixes, [row for row in rows if row["file"] == file])
        if file in COLUMNS:
            landing[f"{file}.columns.json"] = (json.dumps(COLUMNS[file], indent=2) + "\n").encode()
    return landing


def _file(suffixes: list[str], rows: list[Row]) -> bytes:
    data = FORMS[suffixes[0]](rows) if suffixes[0] in FORMS else _txt(rows[0])
    if suffixes[-1] in CODECS:
        data = pa.Codec(CODECS[suffixes[-1]]).compress(data, asbytes=True)
    return data[: len(data) // 2] if "half" in rows[0]["damage"] else data


def main() -> None:
    """Replace `seeds/landing` with what the plan says."""
    landing = build()
    shutil.rmtree(LANDING, ignore_errors=True)
    for file, data in landing.items():
        path = LANDING / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    print(f"{len(landing)} files, {sum(map(len, landing.values())):,} bytes in {LANDING}")


if __name__ == "__main__":
    main()
