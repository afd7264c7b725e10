"""Fixtures that several test modules share."""

import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_models import KeywordJudge, KeywordTagger, NewJudge, NewTagger
from faults import Faulty
from hypothesis import settings
from lakes import SECRET, article, batch, day_batch
from pyarrow import fs

from pipeline import database, plan, runner
from pipeline.lake import Lake
from pipeline.settings import Settings
from pipeline.stages import Context

# No deadlines: how long an example takes is the machine's business, and no property of the code.
# The same examples in every run, so that a failure is the change's; `--hypothesis-profile explore` seeks
# new ones.
settings.register_profile("standpoint", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
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
def s3_server() -> Iterator[tuple[str, int]]:
    """Host and port of a loopback S3 server with a bucket `stores`; the environment has its credentials."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        endpoint = {"endpoint_override": f"{host}:{port}", "scheme": "http", "region": "us-east-1"}
        fs.S3FileSystem(**endpoint, allow_bucket_creation=True).create_dir("stores")
        yield host, port
    server.stop()


@pytest.fixture(scope="session")
def object_store(s3_server: tuple[str, int]) -> str:
    """The URI of an empty prefix on a loopback S3 server; replace `/root` in it for another."""
    host, port = s3_server
    return f"s3://stores/root?endpoint_override={host}%3A{port}&scheme=http&region=us-east-1"


@pytest.fixture
def faulty(s3_server: tuple[str, int]) -> Iterator[Faulty]:
    """The same server behind a proxy that breaks what a test tells it to."""
    proxy = Faulty(s3_server)
    yield proxy
    proxy.close()


def land(lake: Lake) -> None:
    """Land the articles of `landed`."""
    lake.land(
        batch(
            d20220105=day_batch([article("one"), article("two")], ["broken"], duplicates=1),
            d20220106=day_batch([article("three", "2022-01-06")]),
        )
    )
