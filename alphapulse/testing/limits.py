"""Laws of limits: they only shrink, once is enough, what they did is recorded, and selling is never stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.facts import Facts
from alphapulse.core.ports import Limit
from alphapulse.testing.examples import example_estimate, unusable

ROUNDING = 1e-12
BOOKS = 4
ASSETS = 9


@dataclass(frozen=True, eq=False)
class Context:
    """What a limit may look at, see `core.ports.RiskContext`."""

    estimate: RiskEstimate
    current: "pd.Series[float]"
    equity: "pd.Series[float]"
    facts: Facts


def check_limit(limit: Limit) -> None:
    """Run every check of LIMIT_CHECKS; AssertionError at the first."""
    for check in LIMIT_CHECKS.values():
        check(limit)


def example_context(seed: int = 0, *, halted: bool = False, forecasts: bool = True) -> Context:
    """Return a seeded context of 9 assets with a long-short book, sectors, volumes, a benchmark and a loss yesterday.

    halted: the second asset cannot trade. forecasts: False leaves the third without one and the fourth out of the
    estimate. One sector and one volume are unknown, and one volume is zero.
    """
    random = np.random.default_rng([seed, 6])
    estimate = example_estimate(ASSETS, seed=seed)
    assets = estimate.assets
    benchmark = estimate.window.mean(axis=1)
    if not forecasts:
        estimate = unusable(estimate, assets[2]).restricted(assets != assets[3])
    traded = 1e6 * random.lognormal(0.0, 1.0, ASSETS)
    traded[[4, 5]] = np.nan, 0.0
    returns = np.append(0.01 * random.standard_normal(40), [-0.04, 0.01])
    return Context(
        estimate=estimate,
        current=_book(random, assets),
        equity=pd.Series(1e7 * np.cumprod(1.0 + returns), index=estimate.window.index[-len(returns) :]),
        facts=Facts(
            sector=pd.Series([*("Makers", "Services", "Miners") * 2, "Makers", "Miners", None], index=assets),
            traded_value=pd.Series(traded, index=assets),
            tradable=pd.Series(assets != assets[1] if halted else True, index=assets),
            benchmark=benchmark,
        ),
    )


def _book(random: np.random.Generator, assets: pd.Index) -> "pd.Series[float]":
    """Return long-short weights of a gross between 0 and 3, some of them zero."""
    weights = random.standard_normal(len(assets)) * (random.random(len(assets)) < 0.8)
    return pd.Series(weights * random.uniform(0.0, 3.0) / max(float(np.abs(weights).sum()), 1.0), index=assets)


def _cases() -> Iterator[tuple["pd.Series[float]", Context]]:
    for seed in range(BOOKS):
        for halted in (False, True):
            for forecasts in (True, False):
                context = example_context(seed, halted=halted, forecasts=forecasts)
                yield _book(np.random.default_rng([seed, 7]), context.current.index), context


def _shrinks_only(limit: Limit) -> None:
    for weights, context in _cases():
        after, _ = limit.apply(weights, context)
        assert after.index.equals(weights.index), "weights: their assets are not those proposed"
        assert after.notna().all(), "weights: NaN"
        raised = after.abs() > weights.abs() + ROUNDING
        assert not raised.any(), f"shrinks only: {_first(raised)} grows from {weights[_first(raised)]}"
        turned = after * weights < 0.0
        assert not turned.any(), f"shrinks only: {_first(turned)} changes its sign"


def _once_is_enough(limit: Limit) -> None:
    for weights, context in _cases():
        after, _ = limit.apply(weights, context)
        again, clamps = limit.apply(after, context)
        moved = (again - after).abs() > ROUNDING
        assert not moved.any(), (
            f"once is enough: applied again it moves {_first(moved)} by {(again - after).abs().max()}"
        )
        assert clamps == (), f"once is enough: applied again it records {clamps[0]}"


def _recorded(limit: Limit) -> None:
    for weights, context in _cases():
        after, clamps = limit.apply(weights, context)
        told = weights.copy()
        for clamp in clamps:
            assert clamp.reason and clamp.rule, f"recorded: no rule or reason for {clamp.asset}"
            assert clamp.before == told[clamp.asset], f"recorded: {clamp.asset} was not {clamp.before} before"
            told[clamp.asset] = clamp.after
        assert told.equals(after), f"recorded: {_first(told != after)} changes without a clamp"


def _cash_stays(limit: Limit) -> None:
    for weights, context in _cases():
        nothing, clamps = limit.apply(0.0 * weights, context)
        assert (nothing == 0.0).all(), "selling everything: the limit does not let it"
        assert clamps == (), f"selling everything: {clamps[0]}"


def _smaller_passes(limit: Limit) -> None:
    """A book within a limit is within it at any smaller size: the last resort where limits disagree."""
    for weights, context in _cases():
        if context.facts.tradable is not None and context.facts.tradable.all():
            after, _ = limit.apply(weights, context)
            for share in (0.7, 0.01):
                smaller = share * after
                gap = float((limit.apply(smaller, context)[0] - smaller).abs().max())
                assert gap <= ROUNDING, f"smaller passes: {share:g} of a book within the limit is cut by {gap}"


def _asset_order(limit: Limit) -> None:
    for weights, context in _cases():
        order = weights.index[np.random.default_rng(2).permutation(len(weights))]
        place = context.estimate.assets.get_indexer(order)
        inside = context.estimate.assets[place[place >= 0]]
        moved = replace(
            context,
            estimate=context.estimate.ordered(inside),
            current=context.current[order],
            facts=context.facts.on(order),
        )
        gap = float(
            (limit.apply(weights[order], moved)[0][weights.index] - limit.apply(weights, context)[0]).abs().max()
        )
        assert gap <= 1e-9, f"asset order: it changes the weights by {gap:g}"


def _same_answer(limit: Limit) -> None:
    for weights, context in _cases():
        proposed, current, window = weights.copy(), context.current.copy(), context.estimate.window.copy()
        first, clamps = limit.apply(weights, context)
        second, _ = limit.apply(weights, context)
        assert first.equals(second), "same answer: asked twice, answered otherwise"
        assert isinstance(clamps, tuple), f"same answer: clamps come as {type(clamps).__name__}, not as a tuple"
        assert weights.equals(proposed), "input: the weights were altered"
        assert context.current.equals(current), "input: the current weights were altered"
        assert context.estimate.window.equals(window), "input: the window was altered"


LIMIT_CHECKS: dict[str, Callable[[Limit], None]] = {
    "shrinks_only": _shrinks_only,
    "once_is_enough": _once_is_enough,
    "recorded": _recorded,
    "cash_stays": _cash_stays,
    "smaller_passes": _smaller_passes,
    "asset_order": _asset_order,
    "same_answer": _same_answer,
}


def _first(where: "pd.Series[bool]") -> str:
    return str(where.index[int(np.argmax(where.to_numpy()))])
