"""RiskAnalyzer: labels, agreement with the measures, errors that teach."""

import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk import measures, relative
from alphapulse.risk.analyzer import RiskAnalyzer


@pytest.fixture(scope="module")
def stock() -> pd.Series:
    return load_sp500_dataset()["AAPL"].pct_change().iloc[1:]


@pytest.fixture(scope="module")
def index() -> pd.Series:
    return load_sp500_index().iloc[:, 0].pct_change().iloc[1:]


def test_summary_holds_each_measure_under_its_name(stock: pd.Series, index: pd.Series) -> None:
    summary = RiskAnalyzer(stock, index).summary()
    special = {
        "sessions": float(len(stock)),
        "risk_free_ann": 0.0,
        "var_95": measures.value_at_risk(stock),
        "cvar_95": measures.conditional_value_at_risk(stock),
    }
    for name, value in summary.items():
        if name in special:
            expected = special[name]
        elif hasattr(measures, name):
            expected = getattr(measures, name)(stock)
        else:
            expected = getattr(relative, name)(stock, index)
        assert value == pytest.approx(expected, rel=1e-12), name
    assert summary.notna().all()


def test_without_a_benchmark_nothing_is_said_about_one(stock: pd.Series) -> None:
    assert "beta" not in RiskAnalyzer(stock).summary()


def test_no_sessions_give_unknown_measures(stock: pd.Series) -> None:
    summary = RiskAnalyzer(stock.iloc[:0]).summary()
    assert summary["sessions"] == 0
    assert summary.drop(["sessions", "risk_free_ann"]).isna().all()


def test_var_and_cvar(stock: pd.Series) -> None:
    analyzer = RiskAnalyzer(stock)
    assert analyzer.cvar(0.99) < analyzer.var(0.99) < analyzer.var(0.95) < 0
    assert (stock < analyzer.var(0.95)).mean() == pytest.approx(0.05, abs=1e-3)
    with pytest.raises(ParamsError, match="historical"):
        analyzer.var(method="historic")


def test_constructing_computes_nothing(stock: pd.Series) -> None:
    holed = stock.copy()
    holed.iloc[5] = np.nan
    analyzer = RiskAnalyzer(holed)
    with pytest.raises(DataError, match=str(stock.index[5].date())):
        analyzer.summary()


def test_drawdowns(stock: pd.Series) -> None:
    table = RiskAnalyzer(stock).drawdowns(top=3)
    assert len(table) == 3
    assert table["depth"].iloc[0] == pytest.approx(measures.max_drawdown(stock), rel=1e-12)
    assert table["depth"].is_monotonic_increasing
