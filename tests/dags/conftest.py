"""Airflow for the tests of the DAGs: a home folder and an SQLite database of their own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

import pytest

DAGS = Path(__file__).resolve().parents[2] / "dags"
HOME = Path(tempfile.mkdtemp(prefix="standpoint-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)

# Airflow reads these when it is first imported, and the tests import it in functions only.
os.environ |= {
    "AIRFLOW_HOME": str(HOME),
    "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
    "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
    "AIRFLOW__LOGGING__NAMESPACE_LEVELS": "great_expectations=WARNING",
}


@pytest.fixture(scope="session")
def bag():
    """Every DAG, as Airflow's own DAG processor finds them."""
    from airflow.dag_processing.dagbag import BundleDagBag
    from airflow.utils.db import initdb

    initdb()
    return BundleDagBag(dag_folder=DAGS, bundle_path=DAGS, bundle_name="dags-folder")


@pytest.fixture
def landing(tmp_path, monkeypatch) -> Path:
    """An empty landing zone; the settings name it and an empty lake beside it."""
    folder = tmp_path / "landing"
    folder.mkdir()
    monkeypatch.setenv("STANDPOINT_LANDING", str(folder))
    monkeypatch.setenv("STANDPOINT_LAKE", str(tmp_path / "lake"))
    return folder
