"""What OpenLineage calls our assets."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from pipeline import lineage
from pipeline.settings import Settings

HERE = str(Path.cwd())


@pytest.mark.parametrize(
    ("uri", "settings", "expected"),
    [
        ("standpoint://lake/raw", Settings(lake="/data/lake"), ("file", "/data/lake/data/raw")),
        ("standpoint://lake/raw", Settings(lake="file:///data/lake"), ("file", "/data/lake/data/raw")),
        ("standpoint://lake/raw", Settings(lake="lake"), ("file", f"{HERE}/lake/data/raw")),
        ("standpoint://landing", Settings(landing="./in"), ("file", f"{HERE}/in")),
        ("standpoint://landing", Settings(landing="s3://bucket"), ("s3://bucket", "")),
        ("standpoint://lake/raw", Settings(lake="s3://bucket/"), ("s3://bucket", "data/raw")),
        (
            "standpoint://lake/stances",
            Settings(lake="s3://key:secret@bucket/a/b?endpoint_override=127.0.0.1%3A9000&scheme=http"),
            ("s3://bucket", "a/b/data/stances"),
        ),
    ],
)
def test_the_place_of_an_asset_has_no_secrets_in_it(uri, settings, expected):
    assert lineage.place(uri, settings) == expected


def test_the_package_tells_airflow_who_converts():
    (entry,) = (
        e
        for e in importlib.metadata.entry_points(group="apache_airflow_provider")
        if e.value.startswith("pipeline.")
    )
    assert entry.load() is lineage.provider
    (uris,) = lineage.provider()["asset-uris"]
    assert uris["schemes"] == [lineage.SCHEME]
    module, _, name = uris["to_openlineage_converter"].rpartition(".")
    assert (module, name) == ("pipeline.lineage", "dataset")
    assert json.dumps(lineage.provider())


@pytest.mark.airflow
def test_airflow_knows_the_converter():
    from airflow.sdk.providers_manager_runtime import ProvidersManagerTaskRuntime

    found = ProvidersManagerTaskRuntime().asset_to_openlineage_converters
    assert found[lineage.SCHEME] is lineage.dataset
