"""Corporate actions over the simulated truth: a holder's loop over raw prices ends where the truth ends."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.core.market import MarketData, compound
from alphapulse.data import load_market

SIZE = {"n_assets": 60, "n_sessions": 2520, "seed": 5}


@pytest.fixture(scope="module")
def market() -> MarketData:
    return load_market("simulated", **SIZE, actions=True)


@pytest.fixture(scope="module")
def truth() -> pd.DataFrame:
    return load_market("simulated", **SIZE).panel("close")


def test_every_kind_of_event_happens(market: MarketData) -> None:
    close, split = market.panel("close"), market.panel("split")
    assert close.iloc[0].isna().sum() >= 5
    assert market.panel("delisting").notna().sum().sum() >= 3
    assert (split > 1.0).sum().sum() >= 3
    assert ((split > 0.0) & (split < 1.0)).sum().sum() >= 3
    assert (market.panel("dividend") > 0.0).sum().sum() > 500
    halted = close.isna() & close.ffill().notna() & close.bfill().notna()
    assert halted.sum().sum() > 50


def test_compounding_raw_prices_gives_the_truth(market: MarketData, truth: pd.DataFrame) -> None:
    close = market.panel("close")
    level = compound(close, market.panel("dividend"), market.panel("split"))
    first = close.apply(pd.Series.first_valid_index)
    expected = truth / pd.Series({asset: truth.loc[first[asset], asset] for asset in truth})
    ratio = (level / expected).to_numpy()
    assert np.nanmax(np.abs(ratio - 1.0)) < 1e-9
    pd.testing.assert_frame_equal(level, market.panel("total_return"))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_assets=st.integers(1, 12),
    n_sessions=st.integers(1, 400),
    drift_ann=st.sampled_from([-0.5, 0.0, 0.5]),
)
def test_any_market_compounds_to_its_truth(seed: int, n_assets: int, n_sessions: int, drift_ann: float) -> None:
    options = {"seed": seed, "n_assets": n_assets, "n_sessions": n_sessions, "drift_ann": drift_ann}
    market = load_market("simulated", **options, actions=True)
    close = load_market("simulated", **options).panel("close").where(market.panel("close").notna())
    expected = close / close.bfill().iloc[0]
    pd.testing.assert_frame_equal(market.panel("total_return"), expected, rtol=1e-9, check_freq=False)
    low, high = market.panel("low"), market.panel("high")
    assert not ((low > market.panel("close")) | (high < market.panel("open")) | (low <= 0.0)).any(axis=None)


def test_a_holder_who_reinvests_ends_with_the_truth_and_the_payout(market: MarketData, truth: pd.DataFrame) -> None:
    """A plain loop with shares and cash, for assets that are delisted: the oracle for signs and order of events."""
    payout = market.panel("delisting")
    gone = payout.columns[payout.notna().any()]
    assert len(gone)
    for asset in gone:
        close = market.panel("close")[asset].to_numpy()
        dividend, split = market.panel("dividend")[asset].to_numpy(), market.panel("split")[asset].to_numpy()
        paid = int(np.argmax(payout[asset].notna()))
        start = int(np.argmax(~np.isnan(close)))
        shares, cash = 1.0, 0.0
        for session in range(start + 1, paid):
            shares *= split[session]
            cash += shares * dividend[session]
            if cash and not np.isnan(close[session]):
                shares, cash = shares + cash / close[session], 0.0
        value = shares * payout[asset].iloc[paid]
        expected = truth[asset].iloc[paid] / truth[asset].iloc[start] * close[start]
        assert value == pytest.approx(expected, rel=1e-9)
        assert np.isnan(close[paid:]).all()
        assert not np.isnan(close[paid - 1])
        assert not np.isnan(payout[asset].iloc[paid])


def test_no_action_falls_on_a_session_without_a_trade(market: MarketData) -> None:
    untraded = market.panel("close").isna()
    assert (market.panel("dividend").where(untraded, 0.0) == 0.0).all(axis=None)
    assert (market.panel("split").where(untraded, 1.0) == 1.0).all(axis=None)
    for name in ("open", "high", "low", "volume"):
        assert (market.panel(name).isna() == untraded).all(axis=None)


def test_members_have_been_listed_and_not_yet_delisted(market: MarketData) -> None:
    close = market.panel("close")
    alive = close.ffill().notna() & close.bfill().notna()
    assert not (market.membership & ~alive).any(axis=None)
    late = close.iloc[0].isna()
    assert not market.membership.loc[:, late].iloc[0].any()
    assert market.membership.iloc[0].any()
    joins_later = close.notna() & ~market.membership
    assert joins_later.any(axis=None)


def test_listing_and_splits_keep_raw_prices_in_a_usual_range(market: MarketData) -> None:
    close = market.panel("close")
    assert close.min().min() > 1.0
    assert close.max().max() < 600.0


def test_actions_leave_a_driftless_market_driftless() -> None:
    means = []
    for seed in range(60):
        market = load_market("simulated", n_assets=20, n_sessions=1260, seed=seed, drift_ann=0.0, actions=True)
        close = market.panel("close").ffill().shift(1)
        paid = (market.panel("delisting") / close - 1.0).to_numpy()
        returns = market.panel("total_return").ffill().pct_change().to_numpy()
        means.append((np.nansum(returns) + np.nansum(paid)) / np.isfinite(returns).sum())
    assert abs(np.mean(means) / np.std(means, ddof=1) * np.sqrt(len(means))) < 3.3


def test_the_quality_report_repairs_nothing(market: MarketData) -> None:
    report = market.quality.set_index("check")
    assert report.loc[report["action"].isin(["repaired", "dropped"])].empty
    assert report.loc["split that the price does not show", "count"] == 0
    assert report.loc["missing price inside an asset's life", "count"] > 50
