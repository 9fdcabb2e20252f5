"""Drawdowns against empyrical, pyfolio and cases worked out by hand."""

import warnings

import numpy as np
import pandas as pd
import pytest
from empyrical.stats import drawdown_series as oracle
from skfolio.datasets import load_sp500_index

from alphapulse.risk.drawdowns import drawdown_series, top_drawdowns


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[1:].rename("index")


def test_the_series_equals_the_oracle(index: pd.Series) -> None:
    pd.testing.assert_series_equal(drawdown_series(index), oracle(index), rtol=1e-11, atol=1e-14, check_names=False)
    both = pd.DataFrame({"up": index, "down": -index})
    pd.testing.assert_frame_equal(drawdown_series(both), oracle(both), rtol=1e-11, atol=1e-14)


def test_the_table_equals_pyfolio(index: pd.Series) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pyfolio.timeseries import gen_drawdown_table

        expected = gen_drawdown_table(index, top=5)
    table = top_drawdowns(index, 5)
    np.testing.assert_allclose(-100 * table["depth"], expected["Net drawdown in %"].astype(float), rtol=1e-9)
    assert list(table["peak"]) == list(pd.DatetimeIndex(expected["Peak date"]))
    assert list(table["trough"]) == list(pd.DatetimeIndex(expected["Valley date"]))
    assert table["recovery"].isna().tolist() == [False, False, False, True, False]
    recovered = table["recovery"].notna()
    assert list(table["recovery"][recovered]) == list(pd.DatetimeIndex(expected["Recovery date"][recovered]))


def test_worked_by_hand() -> None:
    sessions = pd.DatetimeIndex(["2020-01-02", "2020-01-03", "2020-01-06", "2020-01-07", "2020-01-08", "2020-01-09"])
    returns = pd.Series([-0.5, 1.0, 0.1, -0.1, -0.1, 0.05], index=sessions)
    table = top_drawdowns(returns)
    assert len(table) == 2
    first, last = table.iloc[0], table.iloc[1]
    assert pd.isna(first["peak"])  # the starting capital, before the first session
    assert (first["trough"], first["recovery"], first["length"]) == (sessions[0], sessions[1], 2)
    assert first["depth"] == pytest.approx(-0.5)
    assert (last["peak"], last["trough"], last["length"]) == (sessions[2], sessions[4], 3)
    assert pd.isna(last["recovery"])
    assert last["depth"] == pytest.approx(-0.19)


def test_a_series_that_only_rises_has_none() -> None:
    rising = pd.Series(0.01, index=pd.bdate_range("2020-01-01", periods=5))
    assert top_drawdowns(rising).empty
    assert list(top_drawdowns(rising).columns) == ["peak", "trough", "recovery", "depth", "length"]
    assert top_drawdowns(rising.iloc[:0]).empty
