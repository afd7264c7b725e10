"""What a day is to be built from, and what a lake has already: published or still in the inbox."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from pipeline import inbox, schemas
from pipeline.lake import Lake, settled
from pipeline.manifest import Manifest

Version = tuple[str, str, datetime, str]
VERSION = ("article_id", "raw_sha256", "landed_at", "source_uri")


@dataclass(frozen=True)
class Inputs:
    """What a day must be built from: its raw articles, its ingest rejects and ingest's own counts."""

    raw: pa.Table
    rejects: pa.Table
    batches: tuple[inbox.Landed, ...]

    @property
    def digest(self) -> str:
        """Digest of which articles in which version, and which rejects, go in."""
        return digest(versions(self.raw), self.rejects["reject_id"].to_pylist())


def gather(lake: Lake, day: date, manifest: Manifest | None, batches: Sequence[inbox.Landed]) -> Inputs:
    """What `day` is to be built from: what is published, changed by the batches in their order."""
    done = manifest.consumed if manifest else ()
    pending = tuple(b for b in batches if day in b.days and b.name not in done)
    raw = lake.table(manifest, "raw")
    refused = lake.table(manifest, "rejects")
    rejects = [refused.filter(pc.equal(refused["stage"], "ingest"))]
    for batch in pending:
        rows = batch.rows(lake.store, "raw", day)
        gone = pa.array([*batch.moved(day), *rows["article_id"].to_pylist()], pa.string())
        raw = pa.concat_tables([raw.filter(pc.invert(pc.is_in(raw["article_id"], gone))), rows])
        rejects.append(batch.rows(lake.store, "rejects", day))
    unique = {row["reject_id"]: row for row in pa.concat_tables(rejects).to_pylist()}
    return Inputs(schemas.conform("raw", raw), schemas.from_rows("rejects", unique.values()), pending)


def known(lake: Lake) -> pa.Table:
    """Columns `inbox.KNOWN` of every article that is published or in the inbox."""
    return settled(lambda: _known(lake))


def _known(lake: Lake) -> pa.Table:
    # The inbox first: what is taken up from it meanwhile is then in the manifests, and counts once.
    batches, manifests = inbox.batches(lake.store), lake.manifests()
    files = [m.tables["raw"]["file"] for m in manifests.values()]
    table = lake.dataset("raw", files).to_table(columns=inbox.KNOWN.names).cast(inbox.KNOWN)
    for batch in batches:
        fresh = [d for d in batch.days if d not in manifests or batch.name not in manifests[d].consumed]
        if not fresh:
            continue
        rows = batch.known(lake.store)
        rows = rows.filter(pc.is_in(rows["day"], pa.array(fresh, pa.date32())))
        for day in (day for day in fresh if batch.moved(day)):
            here = pc.equal(table["day"], pa.scalar(day, pa.date32()))
            gone = pc.is_in(table["article_id"], pa.array(batch.moved(day), pa.string()))
            table = table.filter(pc.invert(pc.and_(here, gone)))
        stays = pc.invert(pc.is_in(table["article_id"], rows["article_id"].combine_chunks()))
        table = pa.concat_tables([table.filter(stays), rows])
    return table.combine_chunks()


def known_rejects(lake: Lake) -> pa.Array:
    """Identities of every input that ingest has refused, published or in the inbox."""
    return settled(lambda: _known_rejects(lake))


def _known_rejects(lake: Lake) -> pa.Array:
    batches = inbox.batches(lake.store)
    files = [m.tables["rejects"]["file"] for m in lake.manifests().values()]
    of_ingest = ds.field("stage") == "ingest"
    tables = [lake.dataset("rejects", files).to_table(columns=["reject_id"], filter=of_ingest)]
    tables += [
        batch.rows(lake.store, "rejects", day).select(["reject_id"])
        for batch in batches
        for day in batch.days
        if batch.days[day]["rejects"] is not None
    ]
    schema = pa.schema([("reject_id", pa.string())])
    return pa.concat_tables(table.cast(schema) for table in tables)["reject_id"].combine_chunks()


def digest(articles: Iterable[Version], rejects: Iterable[str]) -> str:
    """Digest of which articles in which version, and which rejects, go into a day."""
    raw = sorted((*version[:2], version[2].isoformat(), version[3]) for version in articles)
    return hashlib.sha256(json.dumps([raw, sorted(rejects)]).encode()).hexdigest()


def versions(raw: pa.Table) -> set[Version]:
    """What identifies each article of a `raw` table and its version: its columns `VERSION`."""
    return set(zip(*(raw[c].to_pylist() for c in VERSION), strict=True))
