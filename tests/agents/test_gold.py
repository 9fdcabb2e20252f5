"""What the real evaluation data allow: how many true members each agent can speak of, and on what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.agents.evidence import evidence_panels
from alphapulse.core.errors import DataError

pytestmark = pytest.mark.evaluation
FILED = pd.Timestamp("2016-03-15")  # by then every member has filed its first annual report into the archive


@pytest.fixture(scope="module")
def market() -> ap.MarketData:
    try:
        return ap.load_market("evaluation", window="gold")
    except DataError as error:
        pytest.skip(f"no evaluation data: {error.came}")


def share(known: pd.DataFrame, market: ap.MarketData, since: pd.Timestamp | None = None) -> float:
    """Return the share of member-sessions on which something is known."""
    members = market.members.loc[since:]
    return float((known.loc[since:] & members).to_numpy().sum() / members.to_numpy().sum())


def spoken(market: ap.MarketData, name: str, kind: str) -> pd.DataFrame:
    """Return True where any evidence of that kind speaks."""
    known = [panel.notna() for piece, panel in evidence_panels(ap.AGENTS[name](), market) if piece.kind == kind]
    return pd.DataFrame(np.logical_or.reduce(known), market.sessions, market.assets)


def test_technical_speaks_of_nearly_every_member(market: ap.MarketData) -> None:
    assert share(ap.AGENTS["technical"]().score(market).notna(), market) >= 0.95


@pytest.mark.parametrize("name", ["fundamental", "value", "valuation", "activist"])
def test_filings_are_read_of_nearly_every_member_once_they_are_there(name: str, market: ap.MarketData) -> None:
    filed = spoken(market, name, "fundamentals")
    assert share(filed, market, FILED) >= 0.90
    assert share(filed, market) >= 0.77


def test_headlines_are_read_of_most_members(market: ap.MarketData) -> None:
    heard = spoken(market, "sentiment", "news")
    assert 0.60 <= share(heard, market) <= 0.95


def test_a_vote_counts_by_its_coverage(market: ap.MarketData) -> None:
    manager = ap.AgentManager(ap.AGENTS)
    shares = manager.shares(market).loc[FILED:].mean()
    coverage = {
        name: np.nanmean(agent.coverage(market).loc[FILED:].where(market.members.loc[FILED:]).to_numpy())
        for name, agent in manager.agents.items()
    }
    assert shares.sum() == pytest.approx(1.0)
    assert shares.rank().corr(pd.Series(coverage).rank()) > 0.9


def test_figures_that_the_filings_do_not_hold_are_left_out(market: ap.MarketData) -> None:
    """No gross profit, no debt and no retained earnings were filed, so what needs them is missing, not made up."""
    panels = {piece.name: panel for piece, panel in evidence_panels(ap.AGENTS["fundamental"](), market)}
    for name in ("gross_profitability", "return_on_capital", "altman"):
        assert panels[name].isna().all(axis=None), name
