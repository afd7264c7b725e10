"""What OpenLineage calls the lake's tables and the landing zone, which are assets without a place in `dags/`.

Airflow finds `provider` by the entry point `apache_airflow_provider` of this package; the converter runs only
where its OpenLineage provider is installed and configured (docs/scheduling.md).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pipeline.settings import Settings

if TYPE_CHECKING:
    from openlineage.client.event_v2 import Dataset  # type: ignore[import-not-found]

SCHEME = "standpoint"
LANDING = "landing"


def provider() -> dict[str, Any]:
    """What Airflow is told of this package: who converts its assets."""
    converter = f"{__name__}.{dataset.__name__}"
    return {
        "package-name": "standpoint-news",
        "name": "Standpoint",
        "description": "Tables of who is for or against whom in the news.",
        "asset-uris": [{"schemes": [SCHEME], "handler": None, "to_openlineage_converter": converter}],
    }


def dataset(asset: Any, lineage_context: object) -> Dataset:
    """The data set of an asset of `dags/`, at the place that the settings name."""
    from openlineage.client.event_v2 import Dataset

    return Dataset(*place(asset.uri, Settings.load()))


def place(uri: str, settings: Settings) -> tuple[str, str]:
    """Namespace and name of `standpoint://landing` or `standpoint://lake/TABLE`, as OpenLineage names files.

    >>> place("standpoint://lake/stances", Settings(lake="s3://key:secret@bucket/news?region=eu"))
    ('s3://bucket', 'news/data/stances')
    """
    whole = urlsplit(uri)
    if whole.netloc == LANDING:
        return _place(settings.landing, "")
    return _place(settings.lake, f"/data{whole.path}")


def _place(root: str, path: str) -> tuple[str, str]:
    parts = urlsplit(root)
    if parts.scheme in ("", "file"):
        return "file", f"{Path(parts.path or root).resolve()}{path}"
    # Keys and options of the store are no part of its name.
    return f"{parts.scheme}://{parts.hostname}", f"{parts.path.strip('/')}{path}".lstrip("/")
