"""Who may import whom (design.md, section 5), told from the source alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dags", "pipeline", "models")
SOURCES = {path: f"{name}.{path.stem}" for name in PACKAGES for path in (ROOT / name).glob("*.py")}
HEAVY = ("torch", "transformers", "great_expectations", "airflow")
SQL = {"pipeline.database", "pipeline.readonly", "pipeline.rules"}
# Training sets what its own processes inherit, and `models` what torch reads when it is imported: see
# docs/decisions/layout.md. No user's setting is read but in `settings`.
ENVIRONMENT = {"pipeline.settings", "models.loop", "models.kernels"}


def imports(path: Path, *, top_level: bool = False) -> set[str]:
    """Every module that a file imports; `top_level`: outside functions and `if TYPE_CHECKING`."""
    tree = ast.parse(path.read_text("utf-8"))
    if top_level:
        nodes = [n for n in tree.body if isinstance(n, ast.Import | ast.ImportFrom)]
    else:
        nodes = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        else:
            found.add(node.module or "")
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def packages(names: set[str]) -> set[str]:
    return {name.split(".")[0] for name in names}


def modules(package: str) -> list[Path]:
    return [path for path, name in SOURCES.items() if name.startswith(f"{package}.")]


@pytest.mark.parametrize("path", modules("pipeline"), ids=lambda p: p.name)
def test_pipeline_knows_no_airflow_and_of_the_models_their_root_only(path):
    found = imports(path)
    assert not packages(found) & {"airflow", "torch", "transformers", "dags"}
    inner = {p.stem for p in modules("models")} - {"__init__"}
    assert not {f"models.{name}" for name in inner} & found


@pytest.mark.parametrize("path", modules("models"), ids=lambda p: p.name)
def test_models_know_neither_pipeline_nor_airflow(path):
    assert not packages(imports(path)) & {"pipeline", "airflow", "dags"}


@pytest.mark.parametrize("path", modules("dags"), ids=lambda p: p.name)
def test_dags_only_orchestrate(path):
    found = imports(path)
    airflow = {n for n in found if n.startswith("airflow")}
    assert all(n.startswith(("airflow.sdk", "airflow.exceptions")) for n in airflow)
    ours = packages(found) & {"pipeline", "models", "torch", "duckdb", "pyarrow", "great_expectations"}
    assert ours <= {"pipeline"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.stem)
def test_one_place_for_each_outside_thing(path):
    name, found = SOURCES[path], imports(path)
    if name != "pipeline.validate" and name != "pipeline.suites":
        assert "great_expectations" not in packages(found)
    if name not in SQL:
        assert "duckdb" not in packages(found)
    if name not in ENVIRONMENT:
        text = path.read_text("utf-8")
        assert "os.environ" not in text
        assert "getenv" not in text


@pytest.mark.parametrize("path", modules("pipeline"), ids=lambda p: p.name)
def test_heavy_libraries_are_imported_when_needed(path):
    assert not packages(imports(path, top_level=True)) & {*HEAVY, "pandas"}


def test_the_command_starts_without_anything_heavy():
    code = "import sys, pipeline.__main__; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = [*HEAVY, "pandas", "pyarrow", "duckdb"]
    result = subprocess.run(
        [sys.executable, "-c", code, *heavy], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
