"""Every limit of the table keeps every law, alone and together; limits that break one are caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.ports import Limit
from alphapulse.core.trading import Clamp
from alphapulse.risk.limits import LIMITS
from alphapulse.risk.manager import RiskManager
from alphapulse.testing import LIMIT_CHECKS, check_limit, example_context
from alphapulse.testing.limits import Context

EXACT = 1e-9
# Bounds that bind on most books of the example, and the name of the number that loosens each.
TIGHT: dict[str, tuple[str, float]] = {
    "max_position": ("weight", 0.08),
    "max_days_of_volume": ("days", 0.4),
    "max_daily_loss": ("loss", 0.02),
    "max_turnover": ("turnover", 0.1),
    "max_correlation": ("weight", 0.15),
    "max_concentration": ("positions", 20.0),
    "max_sector": ("weight", 0.15),
    "max_gross": ("gross", 0.3),
    "max_drawdown": ("limit", 0.05),
    "max_net": ("net", 0.05),
    "max_beta": ("beta", 0.06),
    "max_var": ("loss", 0.003),
    "max_cvar": ("loss", 0.004),
}


def tight(rule: str, loosened: float = 1.0) -> Limit:
    name, bound = TIGHT[rule]
    more = {"correlation": 0.5} if rule == "max_correlation" else {}
    return LIMITS[rule](**{name: min(bound * loosened, 1.0) if bound < 1.0 else bound / loosened}, **more)


@pytest.mark.parametrize("check", LIMIT_CHECKS)
@pytest.mark.parametrize("name", LIMITS)
def test_the_law_holds(name: str, check: str) -> None:
    LIMIT_CHECKS[check](tight(name))


@pytest.mark.parametrize("name", LIMITS)
def test_satisfies_the_port_under_its_name(name: str) -> None:
    assert isinstance(LIMITS[name](), Limit)
    assert LIMITS[name]().rule == name


# Each limit measured anew, in plain loops over assets -----------------------------------------------------------------


def exposures(weights: pd.Series, context: Context) -> pd.Series:
    """Positions plus open orders: where an asset cannot trade, the larger of held and proposed."""
    return pd.Series(
        {
            asset: weight
            if context.facts.tradable[asset] or abs(weight) >= abs(context.current[asset])
            else context.current[asset]
            for asset, weight in weights.items()
        }
    )


def growth(asset: str, weights: pd.Series, context: Context) -> float:
    held, wanted = context.current[asset], weights[asset]
    return max(abs(wanted) - (abs(held) if held * wanted > 0.0 else 0.0), 0.0)


def returns(context: Context) -> pd.DataFrame:
    """Return the window of the assets with a forecast."""
    return context.estimate.window.loc[:, context.estimate.usable]


def parts(weights: pd.Series, context: Context) -> tuple[pd.Series, pd.Series]:
    """Return the exposures with and without a forecast."""
    known = weights.index.isin(returns(context).columns)
    book = exposures(weights, context)
    return book[known], book[~known]


def above_position(limit: Any, weights: pd.Series, context: Context) -> float:
    return weights.abs().max() - limit.weight


def above_days(limit: Any, weights: pd.Series, context: Context) -> float:
    worst = -np.inf
    for asset in weights.index:
        volume = context.facts.traded_value[asset]
        if volume > 0.0:
            days = abs(weights[asset]) * context.equity.iloc[-1] / (limit.participation * volume)
            worst = max(worst, days - limit.days)
        else:
            worst = max(worst, growth(asset, weights, context))
    return worst


def above_daily_loss(limit: Any, weights: pd.Series, context: Context) -> float:
    recent = context.equity.pct_change().iloc[-limit.pause :]
    return max(growth(asset, weights, context) for asset in weights.index) if recent.min() <= -limit.loss else -1.0


def above_turnover(limit: Any, weights: pd.Series, context: Context) -> float:
    return sum(growth(asset, weights, context) for asset in weights.index) - limit.turnover


def above_correlation(limit: Any, weights: pd.Series, context: Context) -> float:
    known, unknown = parts(weights, context)
    sizes = []
    covariance = context.estimate.covariance
    for one in known.index[known != 0.0]:
        size = abs(known[one]) + unknown.abs().sum()
        for other in known.index.drop(one):
            correlation = covariance.loc[one, other] / np.sqrt(covariance.loc[one, one] * covariance.loc[other, other])
            if correlation * np.sign(known[one] * known[other]) > limit.correlation:
                size += abs(known[other])
        sizes.append(size)
    return max([*sizes, unknown.abs().sum()]) - limit.weight


def above_concentration(limit: Any, weights: pd.Series, context: Context) -> float:
    return (exposures(weights, context) ** 2).sum() - 1.0 / limit.positions


def above_sector(limit: Any, weights: pd.Series, context: Context) -> float:
    sector = context.facts.sector.fillna("unknown")
    return exposures(weights, context).abs().groupby(sector).sum().max() - limit.weight


def above_gross(limit: Any, weights: pd.Series, context: Context) -> float:
    return exposures(weights, context).abs().sum() - limit.gross


def above_drawdown(limit: Any, weights: pd.Series, context: Context) -> float:
    fallen = 1.0 - context.equity.iloc[-1] / context.equity.iloc[-limit.reentry :].max()
    if fallen <= limit.limit / 2.0:
        return -1.0
    return exposures(weights, context).abs().sum() - max((limit.limit - fallen) / (limit.limit / 2.0), 0.0)


def above_net(limit: Any, weights: pd.Series, context: Context) -> float:
    return abs(exposures(weights, context).sum()) - limit.net


def above_beta(limit: Any, weights: pd.Series, context: Context) -> float:
    known, unknown = parts(weights, context)
    slope = {
        name: np.polyfit(context.facts.benchmark.to_numpy(), column.to_numpy(), 1)[0]
        for name, column in returns(context).items()
    }
    largest = max(abs(one) for one in slope.values())
    return abs(sum(slope[asset] * known[asset] for asset in known.index)) + largest * unknown.abs().sum() - limit.beta


def above_loss(limit: Any, weights: pd.Series, context: Context) -> float:
    def lost(earned: pd.Series) -> float:
        worst = earned.sort_values().to_numpy()
        if limit.rule == "max_var":
            return -float(np.quantile(worst, 1.0 - limit.level))
        return -float(worst[: int((len(worst) - 1) * (1.0 - limit.level)) + 1].mean())

    known, unknown = parts(weights, context)
    wildest = returns(context)[returns(context).std().idxmax()]
    alone = max(lost(wildest), lost(-wildest))
    return lost((returns(context) * known).sum(axis=1)) + alone * unknown.abs().sum() - limit.loss


ABOVE = {
    "max_position": above_position,
    "max_days_of_volume": above_days,
    "max_daily_loss": above_daily_loss,
    "max_turnover": above_turnover,
    "max_correlation": above_correlation,
    "max_concentration": above_concentration,
    "max_sector": above_sector,
    "max_gross": above_gross,
    "max_drawdown": above_drawdown,
    "max_net": above_net,
    "max_beta": above_beta,
    "max_var": above_loss,
    "max_cvar": above_loss,
}


@st.composite
def proposals(draw: st.DrawFn, halted: bool = False) -> tuple[pd.Series, Context]:
    """Long-short weights, some kept (NaN), beside a context in which some assets have no forecast."""
    context = example_context(draw(st.integers(0, 50)), halted=halted, forecasts=draw(st.booleans()))
    one = st.one_of(st.just(np.nan), st.just(0.0), st.floats(-0.8, 0.8).map(lambda weight: round(weight, 4)))
    weights = draw(st.lists(one, min_size=len(context.current), max_size=len(context.current)))
    return pd.Series(weights, index=context.current.index), context


def resolved(weights: pd.Series, context: Context) -> pd.Series:
    """Return the weights with what is held in place of what is kept."""
    return weights.fillna(context.current)


def assert_shrunk(before: pd.Series, after: pd.Series) -> None:
    assert (after.abs() <= before.abs() + 1e-12).all()
    assert (after * before >= 0.0).all()


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=30, deadline=None)
@given(case=proposals())
def test_each_limit_holds_alone(name: str, case: tuple[pd.Series, Context]) -> None:
    weights, context = case
    limit = tight(name)
    proposed = resolved(weights, context)
    allowed, clamps = RiskManager([limit]).apply(weights, context)
    after = resolved(allowed, context)
    assert_shrunk(proposed, after)
    assert ABOVE[name](limit, after, context) <= EXACT
    if ABOVE[name](limit, proposed, context) > EXACT:
        assert {clamp.rule for clamp in clamps} == {name}
    if not clamps:
        assert allowed is weights


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_leaves_alone_what_is_within_it(name: str) -> None:
    """Half of what a limit has just cut to size is within it, whatever it was cut from."""
    context = example_context(1)
    for scale in (0.5, 0.999):
        within = scale * tight(name).apply(context.current * 3.0, context)[0]
        assert tight(name).apply(within, context)[0] is within


@settings(max_examples=150, deadline=None)
@given(case=proposals(), order=st.permutations(list(LIMITS)), count=st.integers(2, 13), data=st.data())
def test_together_they_all_hold(
    case: tuple[pd.Series, Context], order: list[str], count: int, data: st.DataObject
) -> None:
    weights, context = case
    limits = [tight(name, data.draw(st.sampled_from([0.5, 1.0, 2.0, 4.0]))) for name in order[:count]]
    manager = RiskManager(limits)
    allowed, clamps = manager.apply(weights, context)
    after = resolved(allowed, context)
    assert_shrunk(resolved(weights, context), after)
    for limit in limits:
        assert ABOVE[limit.rule](limit, after, context) <= EXACT, limit
    again, none = manager.apply(allowed, context)
    assert again is allowed
    assert none == ()
    told = resolved(weights, context)
    for clamp in clamps:
        assert clamp.before == told[clamp.asset]
        told[clamp.asset] = clamp.after
    pd.testing.assert_series_equal(told, after, check_exact=True)


@pytest.mark.parametrize("name", LIMITS)
@settings(max_examples=30, deadline=None)
@given(case=proposals(halted=True))
def test_a_halted_position_is_counted_and_the_others_make_room(name: str, case: tuple[pd.Series, Context]) -> None:
    weights, context = case
    limit = tight(name)
    after = resolved(RiskManager([limit]).apply(weights, context)[0], context)
    assert_shrunk(resolved(weights, context), after)
    if ABOVE[name](limit, after, context) <= EXACT:
        return
    # Then the limit is broken by what is held where nothing trades, and no free position is left that adds to it.
    halted = context.current.index[1]
    assert abs(after[halted]) <= abs(context.current[halted]) + 1e-12
    for asset in after.index[after != 0.0].drop(halted, errors="ignore"):
        less = after.copy()
        less[asset] = 0.0
        assert ABOVE[name](limit, less, context) >= ABOVE[name](limit, after, context) - EXACT or name in (
            "max_var",  # scales the book as a whole: single positions may still add to a loss that the others hedge
            "max_cvar",
        )


@settings(max_examples=60, deadline=None)
@given(case=proposals(halted=True), order=st.permutations(list(LIMITS)), count=st.integers(2, 13))
def test_together_they_come_to_rest_beside_a_halted_position(
    case: tuple[pd.Series, Context], order: list[str], count: int
) -> None:
    weights, context = case
    manager = RiskManager([tight(name) for name in order[:count]])
    allowed, _ = manager.apply(weights, context)
    assert_shrunk(resolved(weights, context), resolved(allowed, context))
    again, none = manager.apply(allowed, context)
    assert again is allowed
    assert none == ()


# Broken limits --------------------------------------------------------------------------------------------------------


@dataclass
class Broken:
    """No weight above a tenth, spoilt in one way."""

    spoil: str = ""
    rule: str = "broken"
    asked: int = 0

    def apply(self, weights: pd.Series, context: Context) -> tuple[pd.Series, tuple[Clamp, ...]]:
        self.asked += 1
        after = weights.clip(-0.1, 0.1)
        if self.spoil == "raises":
            after[after > 0.0] = 0.1
        if self.spoil == "turns":
            after = -after
        if self.spoil == "drops":
            after = after.where(after.abs() < 0.1)
        if self.spoil == "fewer assets":
            after = after.iloc[1:]
        if self.spoil == "again":
            after *= 0.9
        if self.spoil == "remembers":
            after /= self.asked
        if self.spoil == "first":
            after.iloc[0] *= 0.5 * (weights.index[0] == "A00")
        if self.spoil == "blocks":
            after = after.where(after != 0.0, 0.01)
        if self.spoil == "input":
            weights.iloc[0] = 0.0
        if self.spoil == "too small" and 0.0 < after.abs().sum() < 0.01:
            after *= 0.0
        if self.spoil == "silent":
            return after, ()
        changed = after.index[after != weights.reindex(after.index)]
        return after, tuple(Clamp(self.rule, name, weights[name], after[name], "above 0.1") for name in changed)


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        ("raises", "shrinks_only"),
        ("turns", "shrinks_only"),
        ("drops", "shrinks_only"),
        ("fewer assets", "shrinks_only"),
        ("again", "once_is_enough"),
        ("silent", "recorded"),
        ("blocks", "cash_stays"),
        ("too small", "smaller_passes"),
        ("first", "asset_order"),
        ("remembers", "same_answer"),
        ("input", "same_answer"),
    ],
)
def test_a_broken_limit_is_caught(spoil: str, check: str) -> None:
    with pytest.raises(AssertionError):
        LIMIT_CHECKS[check](Broken(spoil))


def test_the_limit_they_spoil_passes() -> None:
    check_limit(Broken())
