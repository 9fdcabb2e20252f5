"""The imports keep to the layers, and what turns history into decisions cannot look ahead or outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import alphapulse

PACKAGE = Path(alphapulse.__file__).parent
# Rooms by row; a module imports only from rows below its own. Rooms in one line may import those left of them.
ROWS: list[list[str]] = [
    ["core"],
    ["data"],
    ["store"],
    ["agents"],
    ["risk"],
    ["portfolio"],
    ["execution"],
    ["plain", "params", "strategy", "facts", "cycle"],
    ["backtest"],
    ["live"],
    ["report"],
    ["monitoring"],
    ["runner", "service", "ui", "cli"],
]
LEVEL = {
    "core": 0,
    **dict.fromkeys(["data", "store", "agents", "risk", "portfolio", "execution"], 1),
    **dict.fromkeys(ROWS[7], 2),
    **dict.fromkeys(["backtest", "live"], 3),
    **dict.fromkeys(["report", "monitoring"], 4),
    **dict.fromkeys(ROWS[12], 5),
}
BLIND = ("agents", "risk", "portfolio")
OUTSIDE = {
    *("os", "io", "pathlib", "shutil", "tempfile", "glob", "subprocess", "sqlite3", "pickle"),
    *("socket", "ssl", "urllib", "http", "ftplib", "smtplib", "requests", "httpx", "aiohttp", "websockets", "yfinance"),
}
CLOCKS = {"time"}
CLOCK_CALLS = {"now", "utcnow", "today"}
FILE_CALLS = {"open", "read_text", "write_text", "read_bytes", "write_bytes", "savetxt", "loadtxt", "memmap", "tofile"}
SHIFTS = {"shift": 0, "diff": 0, "pct_change": 0, "roll": 1}  # name: position of the number of rows


def modules() -> dict[str, ast.Module]:
    """Return the parsed modules of the package by dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = ast.parse(path.read_text(encoding="utf-8"))
    return found


MODULES = modules()


def imports(tree: ast.AST, *, typing: bool = True) -> Iterator[str]:
    """Yield the dotted names that are imported anywhere; typing: those under TYPE_CHECKING too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the layer"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else str(node.module)
        elif typing or not (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)):
            yield from imports(node, typing=typing)


def room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def allowed(importer: str, imported: str) -> bool:
    """Return whether a room may import another."""
    if importer == imported:
        return True
    if importer in ("report", "monitoring") and imported == "store":
        return False  # they are handed data
    if LEVEL[importer] != LEVEL[imported]:
        return LEVEL[importer] > LEVEL[imported]
    row = next(row for row in ROWS if importer in row)
    return imported in row and row.index(imported) < row.index(importer)


def layer_faults(module: str, tree: ast.Module) -> list[str]:
    """Return the imports of one module that its row forbids."""
    own, faults = room(module), []
    for name in imports(tree):
        if name.split(".")[0] != "alphapulse" or name == "alphapulse":
            continue
        legal = (
            room(name) in ("core", "testing") if own == "testing" else room(name) in LEVEL and allowed(own, room(name))
        )
        if not legal:
            faults.append(f"{module} imports {name}")
    return faults


def test_every_room_has_a_row() -> None:
    rooms = {room(module) for module in MODULES} - {"", "testing"}
    assert rooms <= set(LEVEL), "give the new room a row in the design's table, then here"
    assert set(LEVEL) == {name for row in ROWS for name in row}


@pytest.mark.parametrize("module", [name for name in MODULES if room(name)])
def test_imports_come_from_rows_below(module: str) -> None:
    assert layer_faults(module, MODULES[module]) == []


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("alphapulse.core.stats", "from alphapulse.data import load_market"),
        ("alphapulse.agents.value", "from alphapulse.risk.covariance import estimate_risk"),
        ("alphapulse.agents.value", "def f():\n    import alphapulse.portfolio.simple"),
        ("alphapulse.portfolio.simple", "from alphapulse.strategy import Strategy"),
        ("alphapulse.params", "from alphapulse.strategy import Strategy"),
        ("alphapulse.strategy", "from alphapulse import cycle"),
        ("alphapulse.backtest.run", "from alphapulse.live import session"),
        ("alphapulse.backtest.run", "from alphapulse.report.tables import monthly"),
        ("alphapulse.report.tables", "from alphapulse.store.runs import read_run"),
        ("alphapulse.runner", "from alphapulse.cli import main"),
        ("alphapulse.testing.agents", "from alphapulse.agents import AGENTS"),
    ],
)
def test_a_forbidden_import_is_seen(module: str, line: str) -> None:
    assert layer_faults(module, ast.parse(line))


def test_the_face_is_used_below_for_version_and_place_alone() -> None:
    for module, tree in MODULES.items():
        used = {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "alphapulse"
        }
        assert used <= {"__version__", "__file__"}, module


def test_modules_import_each_other_in_no_circle() -> None:
    graph = {
        module: {name for name in imports(tree, typing=False) if name in MODULES and name not in ("alphapulse", module)}
        for module, tree in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' -> '.join(error.args[1])}")


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in ("core", "testing")])
def test_core_stands_on_numpy_and_pandas_alone(module: str) -> None:
    tops = {name.split(".")[0] for name in imports(MODULES[module])}
    assert tops - set(sys.stdlib_module_names) <= {"numpy", "pandas", "alphapulse"}


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in ("core", "strategy", "cycle")])
def test_the_one_path_reads_and_writes_nothing(module: str) -> None:
    assert not {name.split(".")[0] for name in imports(MODULES[module])} & OUTSIDE


def blind_faults(tree: ast.AST) -> list[str]:
    """Return what looks ahead, at the clock or outside, with its line."""
    faults = [f"imports {name}" for name in imports(tree) if name.split(".")[0] in OUTSIDE | CLOCKS]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            faults += [f"line {node.lineno}: {fault}" for fault in _call_faults(node)]
    return faults


def _call_faults(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    words = {word.arg: word.value for word in call.keywords}
    if name in SHIFTS:
        at = SHIFTS[name]
        rows = words.get("periods") or words.get("shift") or (call.args[at] if len(call.args) > at else None)
        if _negative(rows):
            yield f"{name} by a negative number of rows"
    if name in ("bfill", "backfill") or {"bfill", "backfill"} & {
        _constant(value) for value in [*words.values(), *call.args]
    }:
        yield "backward fill"
    if _constant(words.get("center")) is True:
        yield "centred window"
    if _constant(words.get("direction")) in ("forward", "nearest"):
        yield "join with a later row"
    if name in CLOCK_CALLS:
        yield "wall clock"
    if name in FILE_CALLS or name.startswith(("read_", "to_parquet", "to_csv", "to_pickle", "to_sql")):
        yield "file access"


def _constant(node: ast.AST | None) -> object:
    return node.value if isinstance(node, ast.Constant) else None


def _negative(node: ast.AST | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


@pytest.mark.parametrize("module", [name for name in MODULES if room(name) in BLIND])
def test_deciding_code_cannot_look_ahead_or_outside(module: str) -> None:
    assert blind_faults(MODULES[module]) == []


@pytest.mark.parametrize(
    "line",
    [
        "close.shift(-1)",
        "close.shift(periods=-window)",
        "close.diff(-5)",
        "close.pct_change(-1)",
        "np.roll(values, -1, axis=0)",
        "close.bfill()",
        "close.fillna(method='backfill')",
        "close.reindex(index, method='bfill')",
        "close.rolling(5, center=True).mean()",
        "pd.merge_asof(left, right, direction='nearest')",
        "datetime.now()",
        "pd.Timestamp.today()",
        "import time",
        "from time import monotonic",
        "open('prices.csv')",
        "pd.read_parquet(path)",
        "close.to_csv(path)",
        "from pathlib import Path",
        "import urllib.request",
        "def f():\n    import requests",
    ],
)
def test_each_forbidden_form_is_seen(line: str) -> None:
    assert blind_faults(ast.parse(line))


@pytest.mark.parametrize(
    "line",
    ["close.shift(1)", "close.diff()", "close.ffill()", "close.rolling(5).mean()", "-close.shift(2)", "x.shift(a - b)"],
)
def test_honest_forms_raise_no_alarm(line: str) -> None:
    assert blind_faults(ast.parse(line)) == []
