"""The public face: which names, all documented, and an import that costs little and does nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

import alphapulse as ap

FACE = {
    *("load_market", "MarketData", "AlphaPulseError", "load_params", "save_run"),
    *("AGENTS", "AgentManager", "ALLOCATORS", "PortfolioManager", "estimate_risk"),
    *("PositionSizer", "RiskManager", "RiskAnalyzer", "Strategy", "Costs", "Execution"),
    *("backtest", "backtest_weights", "BacktestResult", "placebo", "tearsheet", "classic_tearsheet"),
    *("leak_check", "scorecard", "technical_sheet", "sentiment_sheet", "portfolio_sheet"),
    *("shootout", "value_of_risk", "risk_review", "risk_sheet", "to_pypfopt", "from_pypfopt"),
    "__version__",
}
HEAVY = (
    "numba",
    "plotly",
    "sklearn",
    "papermill",
    "requests",
    "scipy",
    "skfolio",
    "arch",
    "nbformat",
    "pydantic",
    "yaml",
)
IMPORT = """
import json, sys, time, warnings
opened = []
sys.addaudithook(lambda event, args: opened.append(event) if event.startswith(("socket.", "subprocess.")) else None)
import numpy, pandas, logging, locale
def state():
    return [numpy.geterr(), pandas.get_option("display.max_rows"), pandas.get_option("mode.copy_on_write"),
            len(warnings.filters), logging.getLogger().level, len(logging.getLogger().handlers),
            locale.setlocale(locale.LC_ALL), sys.path[:]]
before = state() if len(sys.argv) > 1 else None
started = time.process_time()
import alphapulse
cpu = time.process_time() - started
same = before == (state() if before else None)
print(json.dumps({"cpu": cpu, "opened": opened, "modules": sorted(sys.modules), "same": same}))
"""


def imported(*arguments: str, code: str = IMPORT) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


def test_the_face_is_what_was_decided() -> None:
    assert set(ap.__all__) == FACE
    assert len(ap.__all__) == len(set(ap.__all__)) <= 40
    assert set(dir(ap)) >= FACE


@pytest.mark.parametrize("name", sorted(FACE - {"__version__"}))
def test_each_name_resolves_and_is_documented(name: str) -> None:
    value = getattr(ap, name)
    if isinstance(value, dict):
        assert value
        documented = value.values()
    else:
        documented = (value,)
    for item in documented:
        assert (item.__doc__ or "").strip(), f"{name}: {item} has no docstring"
        assert not item.__doc__.startswith(f"{getattr(item, '__name__', '')}("), (
            "the docstring is a generated signature"
        )


def test_a_room_never_hides_a_function_of_its_name() -> None:
    """`backtest` is both: importing the room, as other names do, must leave the function."""
    code = """import json, alphapulse as ap
ap.backtest_weights
import alphapulse.backtest.result
from alphapulse import backtest
print(json.dumps([callable(ap.backtest), callable(backtest)]))"""
    assert imported(code=code) == [True, True]


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(AttributeError, match=r"backtets.*backtest"):
        ap.backtets  # noqa: B018


def test_every_agent_and_allocator_builds_without_arguments() -> None:
    for table in (ap.AGENTS, ap.ALLOCATORS):
        for name, make in table.items():
            assert make() is not None, name


def test_import_takes_under_a_second_of_cpu_and_loads_nothing_heavy() -> None:
    """The time counts numpy and pandas too; the best of two, because the first may read a cold disk."""
    bare = IMPORT.replace("import numpy, pandas, logging, locale\n", "").replace(
        "state() if len(sys.argv) > 1 else None", "None"
    )
    runs = [imported(code=bare) for _ in range(2)]
    assert min(float(run["cpu"]) for run in runs) < 1.0
    assert not set(HEAVY) & {module.split(".")[0] for module in runs[0]["modules"]}


def test_import_opens_no_socket_starts_no_process_and_changes_no_global_state() -> None:
    run = imported("compare")
    assert run["opened"] == []
    assert run["same"] is True
