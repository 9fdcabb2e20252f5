"""Each limit on books worked out by hand; what it cannot measure has one outcome."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.errors import MissingField, ParamsError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.risk.exposures import beta_contributions
from alphapulse.risk.limits import LIMITS
from alphapulse.risk.limits.concentration import MaxConcentration
from alphapulse.risk.limits.equity import MaxDailyLoss, MaxDrawdown
from alphapulse.risk.limits.exposure import MaxGross, MaxNet, MaxPosition, MaxSector
from alphapulse.risk.limits.factor import MaxBeta, MaxCorrelation
from alphapulse.risk.limits.tail import MaxCvar, MaxVar
from alphapulse.risk.limits.trading import MaxDaysOfVolume, MaxTurnover
from alphapulse.testing import example_context, example_estimate, unusable
from alphapulse.testing.limits import Context

ASSETS = pd.Index(["A", "B", "C", "D"])
SESSIONS = pd.bdate_range("2020-01-01", periods=21)
RAMP = np.linspace(-0.10, 0.10, 21)  # one return each of -10 %, -9 %, ... +10 %


def weights(*values: float) -> pd.Series:
    return pd.Series(values, index=ASSETS)


def equity(*values: float) -> pd.Series:
    return pd.Series(values, index=pd.bdate_range("2020-01-01", periods=len(values)), dtype=float)


def estimate_of(**returns: np.ndarray) -> RiskEstimate:
    window = pd.DataFrame(returns, index=SESSIONS)
    return RiskEstimate(window, window.mean(), window.cov())


def market(*slopes: float) -> RiskEstimate:
    """Return an estimate of assets that move with the ramp by their slopes."""
    return estimate_of(**{name: slope * RAMP for name, slope in zip(ASSETS, slopes, strict=False)})


def context(estimate: RiskEstimate | None = None, **given_: Any) -> Context:
    facts = {name: given_.pop(name) for name in list(given_) if name in Facts.__dataclass_fields__}
    return Context(
        estimate=market(1.0, 1.0, 1.0, 1.0) if estimate is None else estimate,
        current=given_.pop("current", weights(0.0, 0.0, 0.0, 0.0)),
        equity=given_.pop("equity", equity(100.0, 100.0)),
        facts=Facts(**facts),
    )


def halted(*assets: str) -> pd.Series:
    return pd.Series(~ASSETS.isin(assets), index=ASSETS)


def applied(limit: Any, book: pd.Series, beside: Context | None = None) -> list[float]:
    return limit.apply(book, context() if beside is None else beside)[0].tolist()


# Exposure -------------------------------------------------------------------------------------------------------------


def test_a_position_is_cut_to_cash_and_recorded() -> None:
    allowed, clamps = MaxPosition(0.3).apply(weights(0.5, 0.3, -0.4, 0.0), context())
    assert allowed.tolist() == [0.3, 0.3, -0.3, 0.0]
    assert [(clamp.rule, clamp.asset, clamp.before, clamp.after) for clamp in clamps] == [
        ("max_position", "A", 0.5, 0.3),
        ("max_position", "C", -0.4, -0.3),
    ]
    assert clamps[0].reason == "position 0.5 above the limit of 0.3"


def test_gross_is_scaled_and_recorded() -> None:
    allowed, clamps = MaxGross(0.5).apply(weights(0.5, -0.5, 0.0, 0.0), context())
    assert allowed.tolist() == [0.25, -0.25, 0.0, 0.0]
    assert [clamp.asset for clamp in clamps] == ["A", "B"]
    assert clamps[0].reason == "gross exposure 1 above the limit of 0.5"


SECTORS = pd.Series(["Tech", "Tech", "Energy", None], index=ASSETS)


def test_a_sector_counts_longs_and_shorts_and_is_scaled_as_one() -> None:
    book, known = weights(0.3, -0.2, 0.3, 0.1), context(sector=SECTORS)
    allowed, clamps = MaxSector(0.4).apply(book, known)
    np.testing.assert_allclose(allowed, [0.24, -0.16, 0.3, 0.1])
    assert clamps[0].reason == "sector Tech 0.5 above the limit of 0.4"
    np.testing.assert_allclose(applied(MaxSector(0.5, {"Energy": 0.1}), book, known), [0.3, -0.2, 0.1, 0.1])
    np.testing.assert_allclose(applied(MaxSector(0.5, {"Tech": 0.0}), book, known), [0.0, 0.0, 0.3, 0.1])


def test_an_unknown_sector_is_a_sector_of_its_own() -> None:
    allowed, clamps = MaxSector(0.2).apply(weights(0.1, 0.1, 0.2, 0.4), context(sector=SECTORS))
    np.testing.assert_allclose(allowed, [0.1, 0.1, 0.2, 0.2])
    assert clamps[0].reason.startswith("sector unknown")


def test_a_sector_nobody_has_or_no_sectors_at_all_are_refused() -> None:
    with pytest.raises(ParamsError, match="did you mean Energy"):
        MaxSector(0.5, {"Energie": 0.1}).apply(weights(0.1, 0.1, 0.1, 0.1), context(sector=SECTORS))
    few = pd.Series([0.9], index=["A"])
    assert MaxSector(1.0, {"Energy": 0.1}).apply(few, context(sector=SECTORS))[0] is few
    with pytest.raises(MissingField, match="drop the limit"):
        applied(MaxSector(), weights(0.1, 0.1, 0.1, 0.1))


@pytest.mark.parametrize(
    ("book", "net", "expected"),
    [
        ((0.5, 0.3, -0.2, 0.0), 0.2, (0.25, 0.15, -0.2, 0.0)),
        ((-0.5, -0.3, 0.2, 0.0), 0.2, (-0.25, -0.15, 0.2, 0.0)),
        ((0.5, 0.3, -0.2, 0.0), 0.0, (0.125, 0.075, -0.2, 0.0)),
        ((0.5, 0.3, -0.9, 0.0), 0.2, (0.5, 0.3, -0.9, 0.0)),
    ],
)
def test_net_cuts_the_side_in_excess_and_keeps_the_hedge(
    book: tuple[float, ...], net: float, expected: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(applied(MaxNet(net), weights(*book)), expected)


def test_the_net_is_named_in_the_reason() -> None:
    clamps = MaxNet(0.2).apply(weights(0.5, 0.3, -0.2, 0.0), context())[1]
    assert {clamp.reason for clamp in clamps} == {"net exposure 0.6 above the limit of 0.2"}


# Concentration --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (4.0, (np.sqrt(0.25 - 0.09 - 0.01 - 0.01), -0.3, 0.1, 0.1)),
        (10.0, (0.2, -0.2, 0.1, 0.1)),
        (100.0, (0.05, -0.05, 0.05, 0.05)),
        (2.5, (0.5, -0.3, 0.1, 0.1)),
    ],
)
def test_concentration_cuts_the_largest_to_one_size(positions: float, expected: tuple[float, ...]) -> None:
    book = weights(0.5, -0.3, 0.1, 0.1)  # the squares sum to 0.36, as of 2.8 equal positions
    np.testing.assert_allclose(applied(MaxConcentration(positions), book), expected, rtol=1e-9)
    if positions == 4.0:
        reason = MaxConcentration(positions).apply(book, context())[1][0].reason
        assert reason == "sum of squared weights 0.36 above the limit of 0.25 (2.8 effective positions, 4 asked for)"


# Beta and correlation -------------------------------------------------------------------------------------------------

BENCHMARK = pd.Series(RAMP, index=SESSIONS)


@pytest.mark.parametrize(
    ("book", "beta", "expected"),
    [
        ((0.5, 0.4, 0.4, 0.0), 0.9, (0.5 * 1.1 / 1.4, 0.4 * 1.1 / 1.4, 0.4, 0.0)),  # 1.0 + 0.4 - 0.2
        ((-0.5, -0.4, -0.4, 0.0), 0.9, (-0.5 * 1.1 / 1.4, -0.4 * 1.1 / 1.4, -0.4, 0.0)),
        ((0.1, 0.4, 0.4, 0.0), 0.5, (0.1, 0.4, 0.4, 0.0)),
        ((0.5, 0.0, 0.4, 0.0), 0.0, (0.1, 0.0, 0.4, 0.0)),
    ],
)
def test_beta_cuts_what_adds_to_it_and_keeps_what_offsets_it(
    book: tuple[float, ...], beta: float, expected: tuple[float, ...]
) -> None:
    beside = context(market(2.0, 1.0, -0.5, 0.0), benchmark=BENCHMARK)
    np.testing.assert_allclose(applied(MaxBeta(beta), weights(*book), beside), expected, atol=1e-12)


def test_beta_is_that_of_the_contributions_also_with_missing_returns() -> None:
    estimate = example_estimate(6)
    window = estimate.window.mask(np.random.default_rng(0).random(estimate.window.shape) < 0.05)
    known = Facts(benchmark=estimate.window.mean(axis=1))
    holed = RiskEstimate(window, window.mean(), window.cov(), facts=known)
    book = pd.Series([0.3, -0.1, 0.4, 0.0, 0.2, 0.1], index=holed.assets)
    beta = beta_contributions(book, holed)["contribution"].sum()
    beside = Context(holed, 0.0 * book, equity(1.0), known)
    assert MaxBeta(beta * (1.0 + 1e-9)).apply(book, beside)[0] is book
    assert MaxBeta(beta * (1.0 - 1e-9)).apply(book, beside)[1]
    assert f"beta {beta:.4g} above the limit of 0.1" == MaxBeta(0.1).apply(book, beside)[1][0].reason


def test_sessions_without_a_benchmark_are_left_out() -> None:
    benchmark = BENCHMARK.copy()
    benchmark.iloc[[3, 9]] = np.nan
    beside = context(market(2.0, 1.0, -0.5, 0.0), benchmark=benchmark)
    np.testing.assert_allclose(applied(MaxBeta(0.5), weights(0.5, 0.0, 0.0, 0.0), beside), [0.25, 0.0, 0.0, 0.0])


@pytest.mark.parametrize("benchmark", [BENCHMARK.iloc[3:], BENCHMARK * np.nan, 0.0 * BENCHMARK])
def test_nothing_grows_while_the_benchmark_is_unknown(benchmark: pd.Series) -> None:
    beside = context(current=weights(0.2, 0.2, 0.2, 0.0), benchmark=benchmark)
    allowed, clamps = MaxBeta(10.0).apply(weights(0.3, 0.1, -0.1, 0.1), beside)
    assert allowed.tolist() == [0.2, 0.1, 0.0, 0.0]
    assert "benchmark unknown" in clamps[0].reason


def test_beta_without_a_benchmark_is_refused() -> None:
    with pytest.raises(MissingField, match="give the market a benchmark, or drop the limit"):
        applied(MaxBeta(), weights(0.0, 0.0, 0.0, 0.0))


def correlated(**pairs: float) -> RiskEstimate:
    """Return an estimate with these correlations, volatilities from 1 to 4 %."""
    matrix = pd.DataFrame(np.eye(4), index=ASSETS, columns=ASSETS)
    for pair, value in pairs.items():
        matrix.loc[pair[0], pair[1]] = matrix.loc[pair[1], pair[0]] = value
    volatility = np.array([0.01, 0.02, 0.03, 0.04])
    base = market(1.0, 1.0, 1.0, 1.0)
    return RiskEstimate(base.window, base.mean, matrix * volatility * volatility[:, None])


@pytest.mark.parametrize(
    ("pairs", "book", "expected"),
    [
        ({"AB": 0.9}, (0.3, 0.2, 0.25, 0.1), (0.15, 0.1, 0.25, 0.1)),
        ({"AB": 0.9}, (0.25, -0.2, 0.25, 0.1), (0.25, -0.2, 0.25, 0.1)),
        ({"AB": -0.9}, (0.3, -0.2, 0.25, 0.1), (0.15, -0.1, 0.25, 0.1)),
        ({"AB": 0.7}, (0.25, 0.2, 0.25, 0.1), (0.25, 0.2, 0.25, 0.1)),
        ({}, (0.5, 0.0, 0.0, 0.0), (0.25, 0.0, 0.0, 0.0)),
        ({"AB": 0.9, "BC": 0.9}, (0.2, 0.2, 0.1, 0.1), (0.1, 0.1, 0.05, 0.1)),  # all three are with B
    ],
)
def test_what_is_correlated_counts_as_one_position(
    pairs: dict[str, float], book: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    beside = context(correlated(**pairs))
    np.testing.assert_allclose(applied(MaxCorrelation(0.8, 0.25), weights(*book), beside), expected)


def test_the_tightest_group_is_named() -> None:
    beside = context(correlated(AB=0.9, BC=0.9))
    clamps = MaxCorrelation(0.8, 0.25).apply(weights(0.2, 0.2, 0.1, 0.1), beside)[1]
    assert {clamp.reason for clamp in clamps} == {
        "B and 2 correlated with it above 0.8 hold 0.5, above the limit of 0.25"
    }


# Tails ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "share"),
    [
        (MaxVar(0.95, 0.03), 0.03 / 0.045),  # the second worst of 21 sessions is -9 %
        (MaxVar(0.975, 0.03), 0.03 / 0.0475),  # half way to the worst
        (MaxCvar(0.95, 0.03), 0.03 / 0.0475),  # the mean of -10 % and -9 %
        (MaxCvar(1.0, 0.03), 0.03 / 0.05),
        (MaxVar(0.95, 0.045), 1.0),
    ],
)
def test_the_book_is_scaled_to_the_loss(limit: MaxVar | MaxCvar, share: float) -> None:
    allowed, clamps = limit.apply(weights(0.8, -0.3, 0.0, 0.0), context())
    np.testing.assert_allclose(allowed, [0.8 * share, -0.3 * share, 0.0, 0.0])
    assert len(clamps) == (0 if share == 1.0 else 2)


def test_the_loss_is_named_in_the_reason() -> None:
    (clamp,) = MaxVar(loss=0.03).apply(weights(0.5, 0.0, 0.0, 0.0), context())[1]
    assert clamp.reason == "loss of 0.045 a session at 0.95 above the limit of 0.03"


def test_a_missing_return_counts_as_the_mean() -> None:
    holed = np.where(np.arange(21) == 0, np.nan, RAMP)
    filled = np.where(np.arange(21) == 0, np.nanmean(holed), RAMP)
    book = weights(0.5, 0.3, 0.0, 0.0)
    gappy = estimate_of(A=holed, B=RAMP[::-1] / 2, C=RAMP, D=RAMP)
    full = estimate_of(A=filled, B=RAMP[::-1] / 2, C=RAMP, D=RAMP)
    for limit in (MaxVar(loss=0.01), MaxCvar(loss=0.01)):
        np.testing.assert_allclose(applied(limit, book, context(gappy)), applied(limit, book, context(full)))


def test_a_book_beside_what_cannot_trade_is_scaled_to_the_room_it_leaves() -> None:
    beside = context(current=weights(0.2, 0.0, 0.0, 0.0), tradable=halted("A"))
    book = weights(0.0, 0.4, 0.0, 0.0)  # a sale of A waits; A alone loses 0.018
    np.testing.assert_allclose(applied(MaxVar(loss=0.027), book, beside), [0.0, 0.1, 0.0, 0.0])


def test_where_what_cannot_trade_is_too_much_alone_only_hedges_stay() -> None:
    beside = context(current=weights(0.5, 0.0, 0.0, 0.0), tradable=halted("A"))
    assert applied(MaxVar(loss=0.01), weights(0.5, 0.4, 0.0, 0.0), beside) == [0.5, 0.0, 0.0, 0.0]
    assert applied(MaxVar(loss=0.01), weights(0.5, -0.3, 0.0, 0.0), beside) == [0.5, -0.3, 0.0, 0.0]


# Without a risk forecast ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["unusable", "not in the estimate"])
@pytest.mark.parametrize("limit", [MaxBeta(10.0), MaxCorrelation(0.99, 10.0), MaxVar(loss=1.0), MaxCvar(loss=1.0)])
def test_a_position_without_a_forecast_does_not_grow(limit: Any, missing: str) -> None:
    estimate = unusable(market(1.0, 1.0, 1.0, 1.0), "B")
    if missing == "not in the estimate":
        estimate = estimate.restricted(ASSETS != "B")
    beside = context(estimate, current=weights(0.0, 0.2, 0.0, 0.0), benchmark=BENCHMARK)
    allowed, clamps = limit.apply(weights(0.1, 0.3, 0.0, 0.0), beside)
    assert allowed.tolist() == [0.1, 0.2, 0.0, 0.0]
    assert "no risk forecast" in clamps[0].reason
    smaller = weights(0.1, 0.1, 0.0, 0.0)
    assert limit.apply(smaller, beside)[0] is smaller
    assert applied(limit, weights(0.1, -0.1, 0.0, 0.0), beside)[1] == 0.0


def test_it_counts_as_the_worst_that_is_known() -> None:
    estimate = unusable(market(2.0, 1.0, 0.5, 1.0), "B")
    held = weights(0.0, 0.2, 0.0, 0.0)
    beside = context(estimate, current=held, benchmark=BENCHMARK)
    book = weights(0.0, 0.2, 0.4, 0.0)
    # beta: 0.2 x 2 unknown leave 0.1 for 0.4 x 0.5; loss: 0.2 x 0.18 unknown leave 0.4 of it all to scale by
    np.testing.assert_allclose(applied(MaxBeta(0.5), book, beside), [0.0, 0.2, 0.2, 0.0])
    np.testing.assert_allclose(applied(MaxBeta(0.3), book, beside), [0.0, 0.15, 0.0, 0.0])
    np.testing.assert_allclose(applied(MaxVar(loss=0.027), book, beside), [0.0, 0.1, 0.2, 0.0])
    # correlation: B counts in the group of C
    np.testing.assert_allclose(applied(MaxCorrelation(0.99, 0.3), book, beside), [0.0, 0.1, 0.2, 0.0])
    short = context(estimate, current=-held, benchmark=BENCHMARK)
    np.testing.assert_allclose(applied(MaxBeta(0.5), weights(0.0, -0.2, 0.4, 0.0), short), [0.0, -0.2, 0.2, 0.0])


@pytest.mark.parametrize("limit", [MaxBeta(0.1), MaxVar(loss=0.01), MaxCvar(loss=0.01), MaxCorrelation(0.8, 0.2)])
@pytest.mark.parametrize("sessions", [0, 21])
def test_nothing_grows_beside_an_estimate_that_knows_nothing(limit: Any, sessions: int) -> None:
    estimate = market(1.0)
    blank = RiskEstimate(estimate.window.iloc[:sessions], np.nan * estimate.mean, np.nan * estimate.covariance)
    beside = context(blank, current=weights(0.2, 0.0, 0.0, 0.0), benchmark=BENCHMARK)
    assert applied(limit, weights(0.3, 0.1, 0.0, 0.0), beside) == [0.2, 0.0, 0.0, 0.0]
    assert applied(limit, weights(0.0, 0.0, 0.0, 0.0), beside) == [0.0, 0.0, 0.0, 0.0]


# Trading --------------------------------------------------------------------------------------------------------------


def test_turnover_scales_what_grows_and_lets_the_rest_pass() -> None:
    beside = context(current=weights(0.2, 0.0, 0.3, -0.1))
    book = weights(0.3, 0.2, 0.1, 0.1)  # grows by 0.1 and 0.2, shrinks, and turns to grow by 0.1
    allowed, clamps = MaxTurnover(0.2).apply(book, beside)
    np.testing.assert_allclose(allowed, [0.25, 0.1, 0.1, 0.05])
    assert [clamp.asset for clamp in clamps] == ["A", "B", "D"]
    assert clamps[0].reason == "turnover 0.4 above the limit of 0.2"
    assert MaxTurnover(0.4).apply(book, beside)[0] is book


def test_turnover_of_a_fully_invested_book_is_half_the_sum_of_changes() -> None:
    beside = context(current=weights(0.4, 0.4, 0.2, 0.0))
    book = weights(0.1, 0.4, 0.2, 0.3)
    turnover = float((book - beside.current).abs().sum()) / 2.0
    assert MaxTurnover(turnover + 1e-9).apply(book, beside)[0] is book
    assert MaxTurnover(turnover - 1e-9).apply(book, beside)[1]


def volumes(*values: float) -> pd.Series:
    return pd.Series(values, index=ASSETS)


def test_a_position_is_cut_to_what_sells_in_so_many_sessions() -> None:
    # 10 % of a million a session is a tenth of the equity
    beside = context(equity=equity(9e5, 1e6), traded_value=volumes(1e6, 1e6, 2e6, 1e6))
    allowed, clamps = MaxDaysOfVolume(days=2, participation=0.1).apply(weights(0.5, -0.3, 0.4, 0.1), beside)
    np.testing.assert_allclose(allowed, [0.2, -0.2, 0.4, 0.1])
    assert clamps[0].reason == "5.0 sessions to sell, above the limit of 2"


@pytest.mark.parametrize("volume", [np.nan, 0.0])
def test_without_a_known_volume_a_position_does_not_grow(volume: float) -> None:
    beside = context(current=weights(0.2, 0.2, 0.2, 0.0), traded_value=volumes(volume, volume, volume, volume))
    allowed, clamps = MaxDaysOfVolume().apply(weights(0.3, 0.1, -0.1, 0.1), beside)
    assert allowed.tolist() == [0.2, 0.1, 0.0, 0.0]
    assert "unknown or zero" in clamps[0].reason


def test_without_any_volume_it_is_refused() -> None:
    with pytest.raises(MissingField, match="volume panel"):
        applied(MaxDaysOfVolume(), weights(0.1, 0.1, 0.1, 0.1))


# Equity ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "paused"),
    [
        ((100, 100, 97), True),
        ((100, 97, 97, 97), True),
        ((100, 97, 97, 97, 97), False),
        ((100, 97.1, 94.4), False),
        ((100,), False),
        ((100, 97, 96, 93, 95, 96), True),
    ],
)
def test_after_a_lost_session_nothing_grows_for_a_pause(path: tuple[float, ...], paused: bool) -> None:
    beside = context(current=weights(0.2, 0.2, 0.2, 0.0), equity=equity(*path))
    book = weights(0.3, 0.1, -0.1, 0.1)
    allowed, clamps = MaxDailyLoss(loss=0.03, pause=3).apply(book, beside)
    assert allowed.tolist() == ([0.2, 0.1, 0.0, 0.0] if paused else book.tolist())
    assert bool(clamps) == paused


def test_the_last_such_loss_is_named() -> None:
    beside = context(equity=equity(100, 90, 81, 85))
    reason = MaxDailyLoss().apply(weights(0.1, 0.0, 0.0, 0.0), beside)[1][0].reason
    assert reason == "no growth for 5 sessions after the loss of 10.00% on 2020-01-03, above the limit of 3.00%"


@pytest.mark.parametrize(
    ("path", "cap"),
    [
        ((100, 120, 120), 1.0),
        ((100, 120, 108), 1.0),
        ((100, 120, 102), 0.5),
        ((100, 120, 96), 0.0),
        ((100, 120, 60), 0.0),
        ((100, 120, 60, 102), 0.5),
        ((100, 120, 60, 125), 1.0),
    ],
)
def test_the_drawdown_schedule(path: tuple[float, ...], cap: float) -> None:
    assert MaxDrawdown(limit=0.20, start=0.10).cap(equity(*path)) == pytest.approx(cap)


def test_the_drawdown_floor_and_the_forgotten_peak() -> None:
    limit = MaxDrawdown(limit=0.20, floor=0.4, reentry=5)
    assert limit.cap(equity(100, 70, 70, 70, 70)) == pytest.approx(0.4)
    assert limit.cap(equity(100, 70, 70, 70, 70, 70)) == 1.0


def test_drawdown_scales_the_book_and_says_so() -> None:
    beside = context(equity=equity(100, 120, 102))
    allowed, clamps = MaxDrawdown(limit=0.2).apply(weights(0.4, 0.4, 0.0, 0.0), beside)
    np.testing.assert_allclose(allowed, [0.25, 0.25, 0.0, 0.0])
    assert clamps[0].reason == "gross exposure 0.8 above 0.5, the cap at a drawdown of 15.00%"


@settings(max_examples=50, deadline=None)
@given(path=st.lists(st.floats(50.0, 150.0), min_size=2, max_size=20), cut=st.integers(1, 19))
def test_the_drawdown_cap_knows_only_the_past(path: list[float], cut: int) -> None:
    limit = MaxDrawdown(limit=0.3, reentry=6)
    replayed = [limit.cap(equity(*path[: at + 1])) for at in range(len(path))]
    assert all(0.0 <= cap <= 1.0 for cap in replayed)
    assert limit.cap(equity(*path).iloc[:cut]) == replayed[min(cut, len(path)) - 1]


# Positions plus open orders -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "held", "book", "expected"),
    [
        (MaxGross(1.0), 0.4, (0.4, 0.4, 0.4, 0.0), (0.4, 0.3, 0.3, 0.0)),
        (MaxGross(1.0), 0.4, (0.0, 0.4, 0.4, 0.0), (0.0, 0.3, 0.3, 0.0)),  # the sale waits, A may still be held
        (MaxGross(1.0), 0.1, (0.5, 0.8, 0.0, 0.0), (0.4, 0.6, 0.0, 0.0)),  # the purchase may fill
        (MaxGross(0.3), 0.4, (0.2, 0.4, 0.0, 0.0), (0.2, 0.0, 0.0, 0.0)),
        (MaxSector(0.5), 0.4, (0.0, 0.4, 0.4, 0.0), (0.0, 0.1, 0.4, 0.0)),
        (MaxNet(0.5), 0.4, (0.0, 0.4, -0.1, 0.0), (0.0, 0.2, -0.1, 0.0)),
        (MaxBeta(0.5), 0.4, (0.0, 0.4, -0.1, 0.0), (0.0, 0.2, -0.1, 0.0)),
        (MaxCorrelation(0.5, 0.5), 0.4, (0.0, 0.4, -0.1, 0.0), (0.0, 0.1, -0.1, 0.0)),
        (MaxConcentration(4.0), 0.4, (0.0, 0.4, 0.0, 0.0), (0.0, 0.3, 0.0, 0.0)),
        (MaxPosition(0.2), 0.4, (0.4, 0.4, 0.0, 0.0), (0.2, 0.2, 0.0, 0.0)),  # an order to sell is left waiting
    ],
)
def test_what_cannot_trade_is_counted_and_the_others_make_room(
    limit: Any, held: float, book: tuple[float, ...], expected: tuple[float, ...]
) -> None:
    beside = context(current=weights(held, 0.0, 0.0, 0.0), tradable=halted("A"), sector=SECTORS, benchmark=BENCHMARK)
    np.testing.assert_allclose(applied(limit, weights(*book), beside), expected)


def test_an_order_that_turns_a_halted_position_counts_with_its_larger_side() -> None:
    beside = context(current=weights(0.2, 0.0, 0.0, 0.0), tradable=halted("A"))
    assert applied(MaxGross(0.3), weights(-0.5, 0.0, 0.0, 0.0), beside) == pytest.approx([-0.3, 0.0, 0.0, 0.0])
    assert applied(MaxGross(0.1), weights(-0.5, 0.0, 0.0, 0.0), beside) == pytest.approx([-0.2, 0.0, 0.0, 0.0])


# Parameters -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LIMITS)
def test_every_limit_builds_without_arguments(name: str) -> None:
    beside = example_context(3, halted=True, forecasts=False)
    assert LIMITS[name]() == LIMITS[name]()
    LIMITS[name]().apply(beside.current, beside)


@pytest.mark.parametrize(
    ("limit", "given_", "words"),
    [
        (MaxPosition, {"weight": 10}, "10 per cent is 0.10"),
        (MaxPosition, {"weight": -0.1}, "weight"),
        (MaxPosition, {"weight": 0.0}, "weight"),
        (MaxPosition, {"weight": None}, "weight"),
        (MaxSector, {"weight": 30}, "weight"),
        (MaxSector, {"sectors": {"Tech": 30}}, "sectors: Tech"),
        (MaxGross, {"gross": 100}, "gross"),
        (MaxGross, {"gross": float("inf")}, "gross"),
        (MaxNet, {"net": -0.1}, "net"),
        (MaxBeta, {"beta": "high"}, "beta"),
        (MaxCorrelation, {"correlation": 80}, "correlation"),
        (MaxCorrelation, {"weight": 0.0}, "weight"),
        (MaxConcentration, {"positions": 0.1}, "number of positions"),
        (MaxVar, {"level": 95}, "write 95 per cent as 0.95"),
        (MaxVar, {"level": 0.05}, "write 95 per cent as 0.95"),
        (MaxCvar, {"loss": 3}, "max_cvar: loss"),
        (MaxTurnover, {"turnover": 25}, "turnover"),
        (MaxDaysOfVolume, {"days": 0}, "days"),
        (MaxDaysOfVolume, {"participation": 10}, "participation"),
        (MaxDailyLoss, {"loss": 3}, "loss"),
        (MaxDailyLoss, {"pause": 0}, "pause"),
        (MaxDrawdown, {"limit": 20}, "limit"),
        (MaxDrawdown, {"start": 0.3}, "start below limit"),
        (MaxDrawdown, {"floor": 1.5}, "floor"),
        (MaxDrawdown, {"reentry": 0}, "reentry"),
    ],
)
def test_wrong_limits_are_refused(limit: type, given_: dict[str, object], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        limit(**given_)
