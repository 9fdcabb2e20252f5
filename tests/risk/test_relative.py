"""Measures beside a benchmark, against empyrical-reloaded."""

import empyrical as ep
import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError
from alphapulse.risk import relative

EXACT = {"rel": 1e-12, "abs": 1e-12}


@pytest.fixture(scope="module")
def stocks() -> pd.DataFrame:
    return load_sp500_dataset().pct_change().iloc[1:]


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[1:]


@pytest.mark.parametrize(
    ("ours", "oracle"),
    [
        (relative.beta, ep.beta),
        (relative.alpha, ep.alpha),
        (
            lambda returns, market: relative.alpha(returns, market, risk_free_ann=0.03),
            lambda returns, market: ep.alpha(returns, market, risk_free=1.03 ** (1 / 252) - 1),
        ),
        (relative.information_ratio, lambda returns, market: ep.excess_sharpe(returns, market) * np.sqrt(252)),
        (relative.tracking_error, lambda returns, market: ep.annual_volatility(returns - market)),
    ],
    ids=["beta", "alpha", "alpha over a rate", "information ratio", "tracking error"],
)
def test_each_stock_equals_the_oracle(ours, oracle, stocks: pd.DataFrame, index: pd.Series) -> None:
    measured = ours(stocks, index)
    for stock in stocks:
        assert measured[stock] == pytest.approx(float(oracle(stocks[stock], index)), **EXACT)
        assert ours(stocks[stock], index) == pytest.approx(measured[stock], **EXACT)


def test_the_benchmark_against_itself(index: pd.Series) -> None:
    assert relative.beta(index, index) == pytest.approx(1.0, abs=1e-14)
    assert relative.alpha(index, index) == pytest.approx(0.0, abs=1e-12)
    assert relative.tracking_error(index, index) == 0.0
    assert np.isnan(relative.information_ratio(index, index))


def test_a_benchmark_that_never_moves_has_no_beta(index: pd.Series) -> None:
    assert np.isnan(relative.beta(index, index * 0.0 + 0.0001))


def test_sessions_are_matched_by_date_and_others_not_looked_at(stocks: pd.DataFrame, index: pd.Series) -> None:
    part = stocks["AAPL"].iloc[100:600]
    late = index.copy()
    late.iloc[700] = np.nan
    assert relative.beta(part, late) == relative.beta(part, index.iloc[100:600])


def test_a_missing_or_unknown_benchmark_session_is_named(stocks: pd.DataFrame, index: pd.Series) -> None:
    part = stocks["AAPL"].iloc[100:600]
    with pytest.raises(DataError, match=str(part.index[3].date())):
        relative.beta(part, index.drop(part.index[3]))
    holed = index.copy()
    holed[part.index[5]] = np.nan
    with pytest.raises(DataError, match=f"benchmark: nan on {part.index[5].date()}"):
        relative.beta(part, holed)


def test_levels_in_place_of_returns_are_refused(stocks: pd.DataFrame) -> None:
    with pytest.raises(DataError, match="pct_change"):
        relative.beta(stocks, load_sp500_index().iloc[:, 0])
