"""What can be done to a market: prices in other units, and a later start. Poison and names: the contract suite."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.core.alter import begun, poisoned, rescaled
from alphapulse.core.errors import DataError


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    return ap.load_market(
        "simulated", n_assets=5, n_sessions=200, actions=True, fundamentals=True, news=True, macro=True, seed=0
    )


def test_other_units_change_cash_and_shares_but_no_return(market: ap.MarketData) -> None:
    factor = np.array([0.5, 1.0, 2.0, 4.0, 8.0])
    other = rescaled(market, factor)
    for name in ("open", "high", "low", "close", "dividend", "delisting"):
        pd.testing.assert_frame_equal(other.panel(name), market.panel(name) * factor)
    pd.testing.assert_frame_equal(other.panel("volume"), market.panel("volume") / factor)
    for name in ("total_return", "split"):
        pd.testing.assert_frame_equal(other.panel(name), market.panel(name))


def test_a_later_start_keeps_what_was_known(market: ap.MarketData) -> None:
    at = market.sessions[120]
    late = begun(market, at)
    assert late.sessions.equals(market.sessions[120:])
    pd.testing.assert_frame_equal(late.panel("total_return"), market.panel("total_return").loc[at:])
    pd.testing.assert_frame_equal(late.fundamental("revenue"), market.fundamental("revenue").loc[at:])
    pd.testing.assert_series_equal(late.macro("vix"), market.macro("vix").loc[at:])
    assert (late.table("news")["session"] >= at).all() and len(late.table("news"))
    assert market.table("fundamentals")["session"].min() == market.sessions[0], "the market itself stays as it is"


def test_a_start_after_the_end_is_refused(market: ap.MarketData) -> None:
    with pytest.raises(DataError, match="after the last session"):
        begun(market, market.sessions[-1] + pd.Timedelta(days=1))


def test_poison_keeps_the_layout_that_sums_depend_on(market: ap.MarketData) -> None:
    bad = poisoned(market, market.sessions[100], "noise")
    for name, panel in market.panels.items():
        assert bad.panels[name].to_numpy().flags.f_contiguous == panel.to_numpy().flags.f_contiguous, name
