"""Generates `docs/dags.md` from the docstrings of `dags/`, without Airflow: `python -m pipeline.dag_docs`."""

from __future__ import annotations

import ast
from pathlib import Path

COMMAND = "python -m pipeline.dag_docs"
ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "dags.md"
SHARED = ROOT / "dags" / "units.py"


def dags_markdown() -> str:
    """The reference of every DAG and its tasks, as Markdown; Airflow's UI shows the same texts."""
    parts = [
        "# DAGs",
        f"Generated from the docstrings of `dags/` by `{COMMAND}`; edit those. How to run them: "
        "[scheduling.md](scheduling.md).",
    ]
    for path in sorted((ROOT / "dags").glob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        if _decorated(tree, "dag"):
            parts += [*_dag(path, tree)]
    return "\n\n".join(parts) + "\n"


def _dag(path: Path, tree: ast.Module) -> list[str]:
    title, _, text = (ast.get_docstring(tree) or "").partition("\n")
    rows = ["| task | does | pool |", "|---|---|---|"]
    shared = ast.parse(SHARED.read_text("utf-8"))
    used = _imported(tree, SHARED.stem)
    common = [task for task in _decorated(shared, "task") if task.name in used or "stages" in used]
    for task in (*_decorated(tree, "task"), *common):
        doc = " ".join((ast.get_docstring(task) or "").split())
        rows.append(f"| `{task.name}` | {doc} | {_pool(task, shared)} |")
    return [f"#{title}", f"`dags/{path.name}`", text.strip(), "\n".join(rows)]


def _imported(tree: ast.Module, module: str) -> set[str]:
    """The names that a module imports from another at its top."""
    found = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == module)
    return {alias.name for node in found for alias in node.names}


def _decorated(tree: ast.Module, name: str) -> list[ast.FunctionDef]:
    """The functions of a module with this decorator, called or not, in their order."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
            if any(isinstance(d, ast.Name) and d.id == name for d in decorators):
                found.append(node)
    return found


def _pool(task: ast.FunctionDef, tree: ast.Module) -> str:
    named = {
        target.id: str(node.value.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for decorator in task.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "pool" and isinstance(keyword.value, ast.Name):
                return f"`{named[keyword.value.id]}`"
    return ""


if __name__ == "__main__":
    PAGE.write_text(dags_markdown(), encoding="utf-8")
