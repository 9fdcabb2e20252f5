"""Tables for people."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.trading import CLAMP_COLUMNS, Decisions
from alphapulse.report import tables
from alphapulse.report.labels import LABELS, written


def test_every_measure_of_a_summary_has_a_label(result: BacktestResult) -> None:
    summary = result.summary()
    assert set(summary.index) <= set(LABELS)
    table = tables.summary_table(summary).set_index("measure")
    assert table.loc["Annual return", "value"] == f"{summary['annual_return']:.2%}"
    assert table.loc["Sharpe ratio", "value"] == f"{summary['sharpe']:.2f}"
    assert table["meaning"].str.len().min() > 10


def test_unknown_values_and_unknown_names() -> None:
    assert written("sharpe", float("nan")) == "-"
    assert written("sharpe", None) == "-"
    assert written("annual_return", -1e-9) == "0.00%"
    assert written("made_up", 0.123456) == "0.1235"
    assert written("made_up", "text") == "text"
    assert tables.summary_table(pd.Series({"made_up": 1.0}))["measure"].iloc[0] == "made_up"


def test_summary_text_puts_flags_first_and_aligns() -> None:
    text = tables.summary_text(pd.Series({"annual_return": 0.1234, "decisions": 12}), ["simulated data"])
    assert text.splitlines() == ["! simulated data", "Annual return  12.34%", "Decisions          12"]


def test_comparison_keeps_measures_that_only_one_run_has() -> None:
    frame = tables.comparison(
        {"a": pd.Series({"sharpe": 1.0, "beta": 0.5}), "b": pd.Series({"sharpe": 2.0}, dtype=object)}
    )
    assert frame.loc["sharpe"].tolist() == [1.0, 2.0]
    assert np.isnan(frame.loc["beta", "b"])
    assert all(pd.api.types.is_float_dtype(dtype) for dtype in frame.dtypes)


def test_drawdowns_in_words(result: BacktestResult) -> None:
    table = tables.drawdown_table(result, 3)
    assert len(table) == 3
    assert table["depth"].iloc[0] == f"{result.summary()['max_drawdown']:.2%}"
    falling = replace(result, decisions=Decisions(result.decisions.targets.iloc[-2:]))
    assert {"start", "not yet"} & set(tables.drawdown_table(falling).to_numpy().ravel())


def test_monthly_grid(result: BacktestResult) -> None:
    grid = tables.monthly_grid(result)
    assert list(grid.columns) == [*tables.MONTHS, "Year"]
    assert grid.index.tolist() == [2012, 2013, 2014, 2015, 2016]
    assert grid.loc[2012, ["Jan", "Feb"]].isna().all()
    whole = (1.0 + grid.loc[2014, list(tables.MONTHS)]).prod() - 1.0
    assert grid.loc[2014, "Year"] == pytest.approx(whole, rel=1e-12)
    by_hand = result.equity.loc["2014-12"].iloc[-1] / result.equity.loc["2014-11"].iloc[-1] - 1.0
    assert grid.loc[2014, "Dec"] == pytest.approx(by_hand, rel=1e-12)


def test_annual_table_shows_the_difference_to_the_index(result: BacktestResult) -> None:
    table = tables.annual_table(result)
    assert list(table.columns) == ["year", "equal weight", "S&P 500", "difference"]
    assert table["year"].tolist() == ["2012", "2013", "2014", "2015", "2016"]


def test_clamps_and_notes_are_counted_by_rule(result: BacktestResult) -> None:
    assert tables.clamp_table(result).empty
    assert tables.note_table(result).empty
    first, second = result.decisions.targets.index[:2]
    clamps = pd.DataFrame(
        [
            (first, "position", "AAPL", 0.3, 0.1, "too large"),
            (first, "position", "AMD", 0.2, 0.1, "too large"),
            (second, "gross", "AAPL", 0.1, 0.05, "drawdown"),
        ],
        columns=list(CLAMP_COLUMNS),
    )
    notes = pd.DataFrame({"session": [first, second], "note": ["scaled by 0.5", "scaled by 0.75"]})
    told = replace(result, decisions=replace(result.decisions, clamps=clamps, notes=notes))
    table = tables.clamp_table(told).set_index("rule")
    assert table.loc["position"].tolist() == [2, 1, 2, "25.00%", "10.00%"]
    assert table.loc["gross", "decisions"] == 1
    assert tables.note_table(told).to_numpy().tolist() == [[2, "scaled by 0.75"]]


def test_provenance_is_complete(result: BacktestResult) -> None:
    table = tables.provenance_table(result.provenance).set_index("what")["value"]
    assert table["data.fingerprint"] == result.market.fingerprint
    assert table["parameters.execution.costs.commission_bps"] == "5"
    assert table["flags"].startswith("survivors only, closes only")
    assert table["seed"] == "none"


def test_comparison_text_reads_as_people_write_it() -> None:
    text = tables.comparison_text({"a": pd.Series({"sharpe": 0.7, "fills": 1200}), "b": pd.Series({"sharpe": 1.25})})
    lines = text.splitlines()
    assert lines[0].split() == ["a", "b"]
    assert lines[1].split() == ["Sharpe", "ratio", "0.70", "1.25"]
    assert lines[2].split() == ["Fills", "1,200", "-"]
