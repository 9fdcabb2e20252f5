"""Notebooks: thin, stripped, parameterized by one cell of typed literals, and executed; changed numbers are noticed.

`make test` executes them: those in `notebooks/` must run through, `golden.ipynb` must print the numbers it stores. It
stands with the tests because the notebooks people open are committed without outputs.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest

import alphapulse as ap
from alphapulse.params import RunParams, validated

ROOT = Path(__file__).parent.parent.parent
GOLDEN = Path(__file__).parent / "golden.ipynb"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
WHOLE_RUNS = ("backtest",)  # notebooks whose parameters are those of a run; the others declare their own
TYPES = {"str": str, "int": int, "float": float, "bool": bool, "dict": dict, "list": list}
MAX_LINES = 25


def cells(path: Path, kind: str = "code") -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def parameter_cells(path: Path) -> list[Any]:
    return [cell for cell in cells(path) if "parameters" in cell.metadata.get("tags", [])]


def defaults(source: str) -> dict[str, Any]:
    """Return the typed simple literals of a parameters cell by name, or raise AssertionError."""
    found: dict[str, Any] = {}
    for line in ast.parse(source).body:
        assert isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name), (
            f"not `name: type = value`: {ast.unparse(line)}"
        )
        name, annotation = line.target.id, ast.unparse(line.annotation)
        assert annotation in TYPES, f"{name}: {annotation} is none of {list(TYPES)}"
        assert line.value is not None, f"{name} has no value"
        found[name] = ast.literal_eval(line.value)
        assert type(found[name]) is TYPES[annotation], f"{name} is no {annotation}"
    return found


def code_faults(source: str) -> list[str]:
    """Return what a thin notebook cell must not do."""
    faults = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            faults.append("defines a function or class")
        elif isinstance(node, ast.ImportFrom) or (
            isinstance(node, ast.Import) and ast.unparse(node) != "import alphapulse as ap"
        ):
            faults.append(f"{ast.unparse(node)}: only `import alphapulse as ap`")
        elif isinstance(node, ast.Attribute):
            if node.attr.startswith("_"):
                faults.append(f"{ast.unparse(node)} is private")
            if isinstance(node.value, ast.Name) and node.value.id == "ap" and node.attr not in ap.__all__:
                faults.append(f"ap.{node.attr} is not public")
    if len(source.splitlines()) > MAX_LINES:
        faults.append(f"{len(source.splitlines())} lines, at most {MAX_LINES}")
    return faults


def notebook_test(path: Path) -> subprocess.CompletedProcess[str]:
    """Run one notebook as `make test` does."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbval-lax",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(path.parent),
        path.name,
    ]
    return subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=120)


def stripped(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nbstripout", "--verify", "--keep-id", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_there_are_notebooks() -> None:
    assert {path.name for path in NOTEBOOKS} >= {"backtest.ipynb", "technical.ipynb"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_one_cell_of_typed_parameters(path: Path) -> None:
    (cell,) = parameter_cells(path)
    assert defaults(cell.source)


@pytest.mark.parametrize("name", WHOLE_RUNS)
def test_its_parameters_are_those_of_a_run(name: str) -> None:
    (cell,) = parameter_cells(ROOT / "notebooks" / f"{name}.ipynb")
    values = defaults(cell.source)
    assert list(values) == list(RunParams.model_fields)
    ap.Strategy.from_params(values)


def test_running_all_cells_is_the_same_run_as_the_sample_file() -> None:
    (cell,) = parameter_cells(ROOT / "notebooks" / "backtest.ipynb")
    assert validated(defaults(cell.source)) == ap.load_params(ROOT / "params" / "sample.yaml")


@pytest.mark.parametrize(
    "source",
    [
        "x = 1",
        "x: int",
        "x: int = 1.0",
        "x: float = 1",
        "x: set = {1}",
        "x: str = 'a' * 2",
        "x: int = max(1, 2)",
        "import os",
    ],
)
def test_other_parameter_cells_are_seen(source: str) -> None:
    with pytest.raises((AssertionError, ValueError)):
        defaults(source)


@pytest.mark.parametrize("path", [*NOTEBOOKS, GOLDEN], ids=lambda path: path.stem)
def test_a_notebook_is_thin(path: Path) -> None:
    for cell in cells(path):
        assert code_faults(cell.source) == [], cell.source


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    return 1",
        "class A:\n    pass",
        "f = lambda x: x",
        "import pandas as pd",
        "import alphapulse",
        "from alphapulse.runner import save_run",
        "ap._HOME",
        "ap.backtest_weight(market, weights)",
        "result.record._journal",
        "\n".join(["x = 1"] * 26),
    ],
)
def test_a_thick_cell_is_seen(source: str) -> None:
    assert code_faults(source)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    done = stripped(path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_outputs_would_be_seen() -> None:
    assert stripped(GOLDEN).returncode != 0


def test_the_golden_notebook_stores_text_alone_and_compares_every_cell() -> None:
    for cell in cells(GOLDEN):
        assert cell.metadata.tags == ["nbval-check-output"]
        assert [output.output_type for output in cell.outputs] == ["stream"]
        assert all(len(number) <= 20 for number in re.findall(r"\S+", cell.outputs[0].text))
    done = stripped("--keep-output", "--keep-count", "--extra-keys", "metadata.language_info", GOLDEN)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_changed_number_makes_it_fail(tmp_path: Path) -> None:
    book = nbformat.read(GOLDEN, as_version=4)
    cell = next(cell for cell in book.cells if "summary()" in cell.source)
    text = cell.outputs[0].text
    shown = re.search(r"^sharpe \d\.\d+$", text, re.MULTILINE)
    assert shown
    changed = shown[0][:-1] + str((int(shown[0][-1]) + 1) % 10)
    cell.outputs[0].text = text.replace(shown[0], changed)
    nbformat.write(book, tmp_path / "changed.ipynb")
    done = notebook_test(tmp_path / "changed.ipynb")
    assert done.returncode == 1, done.stdout
    assert "1 failed, 5 passed" in done.stdout
    told = re.sub(r"\x1b\[\d+m", "", done.stdout)
    assert "mismatch 'stdout'" in told
    assert changed.partition(".")[2] in told and shown[0].partition(".")[2] in told
