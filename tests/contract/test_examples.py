"""What the contract suite does to markets: the past stays, everything after the session is altered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import ParamsError
from alphapulse.testing import example_market, poisoned, renamed


@pytest.fixture(scope="module")
def market():
    plain = example_market(sessions=60, assets=3)
    news = pd.DataFrame(
        {
            "known": pd.to_datetime(["2001-01-02", "2001-03-01"], utc=True),
            "session": [plain.sessions[1], plain.sessions[50]],
            "asset": ["A00", "A01"],
            "tone": [0.5, 0.25],
            "headline": ["first", "second"],
        }
    )
    return replace(plain, tables={"news": news}, sectors=pd.Series(["x", "y", "z"], index=plain.assets))


@pytest.mark.parametrize("how", ["unknown", "noise", "tenfold"])
def test_poison_alters_all_later_sessions_and_no_earlier_one(market, how: str) -> None:
    at = market.sessions[30]
    bad = poisoned(market, at, how)
    assert bad.until(at).fingerprint == market.until(at).fingerprint
    for name, frame in market.panels.items():
        later = frame.loc[frame.index > at]
        known = later.notna().to_numpy()
        assert (bad.panels[name].loc[later.index].to_numpy() != later.to_numpy())[known].all(), name
    assert (bad.membership.loc[bad.sessions > at] != market.membership.loc[market.sessions > at]).all(axis=None)
    assert len(bad.table("news")) == (1 if how == "unknown" else 2)
    assert how == "unknown" or bad.table("news")["tone"].iloc[1] != 0.25


def test_renaming_moves_data_with_its_asset(market) -> None:
    moved = renamed(market, {"A00": "A02", "A01": "A00", "A02": "A01"})
    np.testing.assert_array_equal(moved.panel("close")["A02"], market.panel("close")["A00"])
    assert moved.table("news")["asset"].tolist() == ["A02", "A00"]
    assert moved.sectors["A02"] == "x"


def test_the_example_market_has_what_agents_stumble_over() -> None:
    market = example_market()
    priced = market.panel("close").notna()
    assert priced.iloc[:400]["A01"].sum() == 0
    assert priced.iloc[-100:]["A02"].sum() == 0
    assert 0 < (~priced[["A04", "A05", "A06"]]).sum().sum() < 30
    assert not market.membership["A03"].iloc[-1]
    assert ((market.panel("high") >= market.panel("low")) | ~priced).all(axis=None)


def test_an_unknown_way_of_altering_is_refused(market) -> None:
    with pytest.raises(ParamsError, match="tenfold"):
        poisoned(market, market.sessions[30], "tenfodl")
