"""Fixtures that several test modules share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from hypothesis import settings
from lakes import article, batch, day_batch
from pyarrow import fs

from pipeline import database, plan, runner
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

# No deadlines: how long an example takes is the machine's business, and no property of the code.
settings.register_profile("standpoint", deadline=None)
settings.load_profile("standpoint")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """An empty lake on the disk."""
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def context() -> Context:
    """Default settings, with the small models for tests."""
    return Context(Settings(), KeywordTagger(), KeywordJudge())


@pytest.fixture
def landed(lake: Lake) -> Lake:
    """A lake with two days in its inbox: two articles, a reject and a duplicate; and one article."""
    land(lake)
    return lake


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of `landed`, made current. Validation is most of a small build: once for all tests."""
    folder = tmp_path_factory.mktemp("built") / "lake"
    lake = Lake(str(folder))
    land(lake)
    about = Context(Settings(), KeywordTagger(), KeywordJudge())
    assert runner.run(lake, list(plan.units(plan.due(lake, about), lake)), about) == []
    runner.finish(lake)
    return folder


@pytest.fixture
def built(built_once: Path, tmp_path: Path) -> Lake:
    """A copy of the lake that is current."""
    shutil.copytree(built_once, tmp_path / "built")
    lake = Lake(str(tmp_path / "built"))
    database.refresh(lake)
    return lake


@pytest.fixture(scope="session")
def upgraded_once(built_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake of `built`, after a later model has built it anew."""
    folder = tmp_path_factory.mktemp("upgraded") / "lake"
    shutil.copytree(built_once, folder)
    lake, about = Lake(str(folder)), Context(Settings(), NewTagger(), NewJudge())
    assert runner.run(lake, list(plan.units(plan.due(lake, about), lake)), about) == []
    runner.finish(lake)
    return folder


@pytest.fixture
def upgraded(upgraded_once: Path, tmp_path: Path) -> Lake:
    """A copy of the lake that two models have built, one after the other."""
    shutil.copytree(upgraded_once, tmp_path / "upgraded")
    return Lake(str(tmp_path / "upgraded"))


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The URI of an empty prefix on a loopback S3 server; replace `/root` in it for another."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    options = f"endpoint_override={host}%3A{port}&scheme=http&region=us-east-1&allow_bucket_creation=true"
    uri = f"s3://test:test@stores/root?{options}"
    filesystem, _ = fs.FileSystem.from_uri(uri)
    filesystem.create_dir("stores")
    yield uri
    server.stop()


def land(lake: Lake) -> None:
    """Land the articles of `landed`."""
    lake.land(
        batch(
            d20220105=day_batch([article("one"), article("two")], ["broken"], duplicates=1),
            d20220106=day_batch([article("three", "2022-01-06")]),
        )
    )
