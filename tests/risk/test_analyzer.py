"""RiskAnalyzer: labels, agreement with the measures, errors that teach."""

import numpy as np
import pandas as pd
import pytest
from skfolio.datasets import load_sp500_dataset, load_sp500_index

from alphapulse.core.errors import DataError, ParamsError
from alphapulse.risk import measures, relative
from alphapulse.risk.analyzer import RiskAnalyzer
from alphapulse.risk.copula import monte_carlo_var
from alphapulse.risk.headline import measure_table
from alphapulse.risk.var import METHODS, tail_risk, var_forecasts
from alphapulse.risk.var_tests import backtest_summary


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


def test_a_table_of_many_series_equals_each_summary(index: pd.Series) -> None:
    stocks = load_sp500_dataset().pct_change().iloc[1:, :4]
    table = measure_table(stocks, index)
    for stock in stocks:
        summary = RiskAnalyzer(stocks[stock], index).summary().drop(["sessions", "risk_free_ann"])
        pd.testing.assert_series_equal(table[stock], summary, check_names=False, rtol=1e-13)
    assert measure_table(stocks, names=["sharpe", "calmar"]).index.tolist() == ["sharpe", "calmar"]
    with pytest.raises(ParamsError, match="did you mean sharpe"):
        measure_table(stocks, names=["sharp"])


def test_var_and_cvar(stock: pd.Series) -> None:
    analyzer = RiskAnalyzer(stock)
    assert analyzer.cvar(0.99) < analyzer.var(0.99) < analyzer.var(0.95) < 0
    assert (stock < analyzer.var(0.95)).mean() == pytest.approx(0.05, abs=1e-3)
    with pytest.raises(ParamsError, match="historical"):
        analyzer.var(method="historic")


@pytest.mark.parametrize("method", METHODS)
def test_var_and_cvar_by_each_method(index: pd.Series, method: str) -> None:
    analyzer, tail = RiskAnalyzer(index), tail_risk(index, 0.975, method)
    assert (analyzer.var(0.975, method), analyzer.cvar(0.975, method)) == (tail.var, tail.cvar)
    assert isinstance(analyzer.var(0.975, method), float)
    assert tail.var == pytest.approx(-0.0235, abs=0.01)
    assert tail.cvar == pytest.approx(1.5 * tail.var, rel=0.4)


def test_the_portfolio_held_is_simulated() -> None:
    assets = load_sp500_dataset().pct_change().iloc[-504:, :4]
    weights = pd.Series(0.25, index=assets.columns)
    analyzer = RiskAnalyzer(assets @ weights, weights=weights, asset_returns=assets)
    tail = monte_carlo_var(assets, weights, 0.95)
    assert (analyzer.var(method="monte_carlo"), analyzer.cvar(method="monte_carlo")) == (tail.var, tail.cvar)
    assert tail.var == pytest.approx(analyzer.var(), rel=0.15)


def test_simulating_needs_to_know_what_is_held(stock: pd.Series) -> None:
    with pytest.raises(ParamsError, match="weights=weights"):
        RiskAnalyzer(stock).var(method="monte_carlo")
    with pytest.raises(ParamsError, match="asset_returns"):
        RiskAnalyzer(stock, weights=pd.Series({"AAPL": 1.0})).cvar(method="monte_carlo")


def test_var_backtest_judges_its_own_forecasts(index: pd.Series) -> None:
    returns = index.iloc[-1500:]
    backtest = RiskAnalyzer(returns).var_backtest(0.95, "normal", window=250)
    forecasts = var_forecasts(returns, 0.95, "normal", 250)
    pd.testing.assert_series_equal(backtest, backtest_summary(returns, forecasts, 0.95))
    assert backtest["sessions"] == 1250
    assert backtest["exceptions"] == (returns < forecasts["var"]).sum()
    assert backtest["zone"] in ("green", "yellow", "red")


def test_the_backtest_tells_a_method_that_follows_volatility_from_one_that_does_not(index: pd.Series) -> None:
    """From 2006 to 2010 a two-year normal window is surprised time and again; filtered simulation is not."""
    returns = index.loc["2004":"2010"]
    slow, quick = (RiskAnalyzer(returns).var_backtest(0.99, method) for method in ("normal", "filtered_historical"))
    assert slow["zone"] == "red"
    assert slow["conditional_p_value"] < 1e-6
    assert slow["z2_p_value"] < 0.001
    assert quick["zone"] != "red"
    assert quick["exceptions"] < slow["exceptions"] / 2


def test_levels_are_refused_when_var_is_asked_for(index: pd.Series) -> None:
    levels = 100.0 * (1.0 + index).cumprod()
    for ask in (RiskAnalyzer(levels).var, RiskAnalyzer(levels).cvar, RiskAnalyzer(levels).var_backtest):
        with pytest.raises(DataError, match="pct_change"):
            ask()
    with pytest.raises(ParamsError, match="monte_carlo"):
        RiskAnalyzer(levels).var(0.95, "montecarlo")


def test_constructing_computes_nothing(stock: pd.Series) -> None:
    holed = stock.copy()
    holed.iloc[5] = np.nan
    analyzer = RiskAnalyzer(holed)
    with pytest.raises(DataError, match=str(stock.index[5].date())):
        analyzer.summary()


@pytest.mark.parametrize("returns", [[0.1, 0.2], pd.DataFrame({"a": [0.1]}, index=pd.DatetimeIndex(["2020-01-02"]))])
def test_a_summary_is_of_one_series(returns: object) -> None:
    with pytest.raises(DataError, match="measure_table"):
        RiskAnalyzer(returns).summary()  # type: ignore[arg-type]


def test_drawdowns(stock: pd.Series) -> None:
    table = RiskAnalyzer(stock).drawdowns(top=3)
    assert len(table) == 3
    assert table["depth"].iloc[0] == pytest.approx(measures.max_drawdown(stock), rel=1e-12)
    assert table["depth"].is_monotonic_increasing


def test_prices_are_not_measured_as_returns() -> None:
    prices = pd.Series(np.linspace(50.0, 60.0, 100), index=pd.bdate_range("2001-01-01", periods=100))
    with pytest.raises(DataError, match="simple returns per session"):
        RiskAnalyzer(prices).summary()
