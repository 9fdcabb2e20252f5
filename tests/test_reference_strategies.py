"""One reference strategy an allocator: each runs on the sample, on simulated data and on the real evaluation data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import alphapulse as ap
from alphapulse.portfolio import ALLOCATORS

FOLDER = Path(__file__).resolve().parent.parent / "params" / "allocators"
SAMPLE = {"data.start": "2015-01-01"}
SIMULATED = {
    "data": {"name": "simulated", "n_assets": 30, "n_sessions": 700, "fundamentals": True, "news": True},
    "portfolio.lookback": 252,
}
GOLD = {"data": {"name": "evaluation", "window": "gold"}, "portfolio.lookback": 126}


def result_of(name: str, changes: dict[str, Any]) -> ap.BacktestResult:
    params = ap.load_params(FOLDER / f"{name}.yaml", changes)
    return ap.backtest(ap.load_market(**params["data"]), ap.Strategy.from_params(params))


def check(result: ap.BacktestResult, name: str) -> None:
    assert result.name == name
    weights = result.decisions.targets
    assert weights.iloc[0].sum() > 0.5, "the first decision holds little"
    assert weights.sum(axis=1).max() <= 1.0 + 1e-9
    assert weights.max().max() <= 0.25 + 1e-9, "the limit of the file"
    notes = result.decisions.notes["note"].astype(str)
    assert not notes.str.contains("no solution|infeasible").any(), notes[notes.str.contains("instead|infeas")].iloc[0]


def test_every_allocator_has_one() -> None:
    assert {path.stem for path in FOLDER.glob("*.yaml")} == set(ALLOCATORS)


@pytest.mark.parametrize("name", ALLOCATORS)
@pytest.mark.parametrize("changes", [SAMPLE, SIMULATED], ids=["sample", "simulated"])
def test_it_runs(name: str, changes: dict[str, Any]) -> None:
    check(result_of(name, changes), name)


@pytest.mark.evaluation
@pytest.mark.parametrize("name", ALLOCATORS)
def test_it_runs_on_gold(name: str) -> None:
    check(result_of(name, GOLD), name)
