"""The bridge to PyPortfolioOpt lets through what is right and refuses the rest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import DataError, Infeasible, ParamsError, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.stats import session_returns
from alphapulse.data import load_market
from alphapulse.portfolio import bridge
from alphapulse.portfolio.bridge import from_pypfopt, to_pypfopt
from alphapulse.portfolio.mean_variance import MaxSharpe, MinVariance
from alphapulse.risk.covariance import estimate_risk
from alphapulse.testing import example_estimate, unusable

NAMES = pd.Index(["A", "B", "C", "D"])


@pytest.fixture(scope="module")
def sample() -> RiskEstimate:
    window = session_returns(load_market("sample").panel("total_return")).loc[:"2022-12-28"].iloc[-756:]
    return estimate_risk(window)


def test_there_and_back_gives_our_weights(sample: RiskEstimate) -> None:
    lab = to_pypfopt(sample)
    lab.max_sharpe(risk_free_rate=0.0)
    ours = MaxSharpe().allocate(sample)
    for answer in (lab, lab.clean_weights(), pd.Series(lab.clean_weights())):
        weights = from_pypfopt(answer, sample.assets)
        assert weights.index.equals(sample.assets)
        assert weights.sum() == pytest.approx(1.0, abs=1e-15)
        np.testing.assert_allclose(weights, ours, atol=1e-5)
    assert list(weights.index[weights > 0.0]) == list(ours.index[ours > 0.0])


def test_what_goes_in_is_yearly_and_within_bounds(sample: RiskEstimate) -> None:
    lab = to_pypfopt(sample, bounds=(0.01, 0.15))
    lab.min_volatility()
    _, volatility, _ = lab.portfolio_performance()
    ours = MinVariance(constraints={"lower": 0.01, "upper": 0.15}).allocate(sample)
    assert volatility == pytest.approx(float(np.sqrt(252 * ours @ sample.covariance @ ours)), rel=1e-6)
    np.testing.assert_allclose(from_pypfopt(lab, sample.assets), ours, atol=1e-5)


def test_unusable_assets_stay_at_home(sample: RiskEstimate) -> None:
    """PyPortfolioOpt gives all to a price that never moves, and nothing warns of a column without prices."""
    halted = unusable(sample, "KO")
    still = halted.covariance.copy()
    still.loc["PG"] = still["PG"] = 0.0
    lab = to_pypfopt(replace(halted, covariance=still))
    assert set(sample.assets) - set(lab.tickers) == {"KO", "PG"}
    lab.min_volatility()
    weights = from_pypfopt(lab, sample.assets)
    assert weights[["KO", "PG"]].tolist() == [0.0, 0.0]
    assert weights.max() < 0.9


def test_a_singular_covariance_may_cross(sample: RiskEstimate) -> None:
    twin = sample.covariance.copy()
    twin.loc["KO"] = twin.loc["PG"].to_numpy()
    twin["KO"] = twin["PG"].to_numpy()
    lab = to_pypfopt(replace(sample, covariance=twin))
    lab.min_volatility()
    assert from_pypfopt(lab, sample.assets).sum() == pytest.approx(1.0)


def altered(estimate: RiskEstimate, row: int, column: int, value: float) -> RiskEstimate:
    covariance = estimate.covariance.copy()
    covariance.iloc[row, column] = value
    return replace(estimate, covariance=covariance)


@pytest.mark.parametrize(
    ("estimate", "match"),
    [
        (unusable(example_estimate(1), "A00"), "no usable asset"),
        (altered(example_estimate(), 0, 1, np.nan), "not finite"),
        (altered(example_estimate(), 0, 1, 1e-3), "not symmetric"),
        (altered(altered(example_estimate(), 0, 1, 1.0), 1, 0, 1.0), "an eigenvalue of -"),
    ],
)
def test_an_estimate_that_cannot_be_is_refused(estimate: RiskEstimate, match: str) -> None:
    with pytest.raises(RiskError, match=match):
        to_pypfopt(estimate)


@pytest.mark.parametrize("bounds", [(0.5, 0.1), (0.0,), "01", (0.0, float("nan")), 0.1])
def test_wrong_bounds_are_refused(bounds: object) -> None:
    with pytest.raises(ParamsError, match="bounds"):
        to_pypfopt(example_estimate(), bounds=bounds)


@pytest.mark.parametrize("bounds", [(0.0, 0.1), (0.2, 1.0)])
def test_bounds_that_cannot_sum_to_one_are_refused(bounds: tuple[float, float]) -> None:
    with pytest.raises(Infeasible, match=r"7 assets .* sum to"):
        to_pypfopt(example_estimate(), bounds=bounds)


def test_without_pyportfolioopt_the_way_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge, "find_spec", lambda name: None)
    with pytest.raises(ParamsError, match="pip install pyportfolioopt"):
        to_pypfopt(example_estimate())


def test_rounded_weights_are_scaled_and_noted() -> None:
    weights = from_pypfopt({"A": 0.33333, "C": 0.33333, "B": 0.33333}, NAMES)
    assert weights.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.0], abs=1e-15)
    assert weights.attrs["notes"] == ("weights summed to 0.999990: scaled to 1",)


def test_dust_of_the_solver_is_no_position() -> None:
    weights = from_pypfopt(pd.Series({"A": 0.6, "B": 0.4 - 1e-9, "C": 2e-9, "D": -1e-9}), NAMES)
    assert weights[["C", "D"]].tolist() == [0.0, 0.0]
    assert weights.sum() == pytest.approx(1.0, abs=1e-15)
    assert weights.attrs["notes"] == ()


def test_shorts_come_back_as_they_are() -> None:
    assert from_pypfopt({"A": 1.3, "B": -0.3}, NAMES).tolist() == pytest.approx([1.3, -0.3, 0.0, 0.0])


@pytest.mark.parametrize(
    ("weights", "match"),
    [
        ({"A": 0.5, "B": 0.4}, r"they sum to 0\.9"),
        ({"A": 1.0, "Bee": 0.0}, "Bee is not an asset here"),
        ({"A": 1.0, "B": float("nan")}, "nan for B"),
        ({"A": "all"}, "could not convert"),
        (pd.Series([0.5, 0.5], index=["A", "A"]), "A stands twice"),
        ([0.5, 0.5], "a list came"),
        ({}, "they sum to 0"),
    ],
)
def test_weights_that_cannot_be_are_refused(weights: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        from_pypfopt(weights, NAMES)


def test_an_optimiser_that_was_not_asked_is_refused() -> None:
    with pytest.raises(DataError, match="EfficientFrontier has none yet"):
        from_pypfopt(to_pypfopt(example_estimate()), NAMES)
