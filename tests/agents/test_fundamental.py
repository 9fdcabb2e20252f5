"""Fundamental evidence by hand, and whom the agent prefers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from companies import SESSIONS, companies, last

from alphapulse.agents import fundamental
from alphapulse.agents.fundamental import FundamentalAgent
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.testing import example_market

NAN = float("nan")
# Stocks and flows of the last nine quarters; lists give the last quarters only. Five fourths of the revenue of a year
# ago, income doubled, assets up from 320 to 400.
ACME = {
    "revenue": [80.0] * 5 + [100.0] * 4,
    "gross_profit": [24.0] * 5 + [40.0] * 4,
    "operating_income": 20.0,
    "net_income": [5.0] * 5 + [10.0] * 4,
    "cfo": 12.0,
    "capex": 4.0,
    "dividends": 2.0,
    "shares": 50.0,
    "assets": [280.0] * 4 + [320.0] * 4 + [400.0],
    "liabilities": 200.0,
    "equity": [100.0] * 8 + [200.0],
    "retained_earnings": 100.0,
    "current_assets": 120.0,
    "current_liabilities": 60.0,
    "cash": 30.0,
    "debt": 80.0,
}
# What each piece says of ACME, at a price of 10 and 50 shares: a market value of 500.
BY_HAND = {
    "gross_profitability": 160.0 / 400.0,
    "return_on_equity": 10.0 / 100.0,  # the quarter's income on the equity it began with
    "return_on_capital": 0.79 * 80.0 / (80.0 + 200.0 - 30.0),
    "cash_return": 48.0 / 400.0,
    "operating_margin": 80.0 / 400.0,
    "net_margin": 40.0 / 400.0,
    "sales_growth": 100.0 / 80.0 - 1.0,
    "earnings_growth": (10.0 - 5.0) / 400.0,
    "accruals": (40.0 - 48.0) / 400.0,
    "asset_growth": 400.0 / 320.0 - 1.0,
    "leverage": 200.0 / 400.0,
    "liquidity": 120.0 / 60.0,
    # ROA 40/320 after 20/280 up, CFO positive and above, debt 80/360 after 80/300 down, margin 0.4 after 0.3 up,
    # turnover 400/320 after 320/280 up, no new shares; the current ratio is unchanged: eight of nine
    "piotroski": 8.0,
    "altman": 1.2 * 60 / 400 + 1.4 * 100 / 400 + 3.3 * 80 / 400 + 0.6 * 500 / 200 + 0.999 * 400 / 400,
}
PIECES = {piece.name: piece for piece in FundamentalAgent.evidence}
# What a textbook would rather see.
BETTER: dict[str, dict[str, float]] = {
    "gross_profitability": {"gross_profit": 50.0},
    "return_on_equity": {"net_income": 15.0},
    "return_on_capital": {"operating_income": 30.0},
    "cash_return": {"cfo": 20.0},
    "operating_margin": {"operating_income": 30.0},
    "net_margin": {"net_income": 15.0},
    "accruals": {"cfo": 20.0},
    "leverage": {"liabilities": 100.0},
    "liquidity": {"current_assets": 150.0},
    "altman": {"retained_earnings": 150.0},
}
GROWING: dict[str, dict[str, list[float]]] = {
    "sales_growth": {"revenue": [80.0] * 5 + [120.0] * 4},
    "earnings_growth": {"net_income": [5.0] * 5 + [20.0] * 4},
    "asset_growth": {"assets": [280.0] * 4 + [390.0] * 4 + [400.0]},  # slower growth is preferred
    "piotroski": {"current_assets": [120.0] * 8 + [130.0]},  # the ninth test
}


@pytest.mark.parametrize("name", BY_HAND)
def test_each_ratio_by_hand(name: str) -> None:
    found = last(PIECES[name].compute, companies({"ACME": ACME}))["ACME"]
    assert found == pytest.approx(BY_HAND[name], rel=1e-12)


@pytest.mark.parametrize(("name", "change"), [*BETTER.items(), *GROWING.items()])
def test_the_better_company_is_preferred(name: str, change: dict[str, float | list[float]]) -> None:
    market = companies({"ACME": ACME, "BEST": {**ACME, **change}, "COPY": ACME})
    score = FundamentalAgent(weights={name: 1.0}).score(market).iloc[-1]
    assert score["BEST"] == pytest.approx(2.0 / 3.0)
    assert score["ACME"] == score["COPY"] == pytest.approx(-1.0 / 3.0)


@pytest.mark.parametrize("name", [*BETTER, *GROWING])
def test_every_piece_on_filings_is_checked_by_hand_and_by_direction(name: str) -> None:
    on_filings = {piece.name for piece in FundamentalAgent.evidence if piece.kind == "fundamentals"}
    assert on_filings == set(BY_HAND) == {*BETTER, *GROWING}
    assert name in on_filings


def test_piotroski_reads_three_balance_sheets() -> None:
    """Assets of 100 two years ago and 400 since: ROA 40/400 after 20/100 and turnover 400/400 after 320/100 fell.

    Debt 80/400 after 80/250 fell too, which passes; the current ratio stood still: six of nine.
    """
    market = companies({"ACME": {**ACME, "assets": [100.0] + [400.0] * 8}})
    assert last(fundamental.piotroski, market)["ACME"] == 6.0


def test_accruals_compare_income_and_cash_of_the_same_year() -> None:
    """The newest quarter lost 90 and does not state its cash flow: nothing says that the loss was not paid in cash."""
    before = {"net_income": [10.0] * 5, "cfo": [10.0] * 5, "assets": 1000.0}
    stated = {name: [*figures[1:], -90.0] if isinstance(figures, list) else figures for name, figures in before.items()}
    market = companies({"FULL": stated, "LATE": {**stated, "cfo": [10.0] * 4 + [NAN]}})
    assert last(fundamental.accruals, market).tolist() == [0.0, 0.0]


def walk(beta: float, noise: float, common: np.ndarray, seed: int) -> np.ndarray:
    own = noise * np.random.default_rng(seed).standard_normal(len(common))
    return 100.0 * np.cumprod(1.0 + beta * common + own)


@pytest.fixture(scope="module")
def prices() -> MarketData:
    """Betas of 0.5, 1 and 2 on an index, without filings."""
    sessions = pd.bdate_range("2010-01-01", periods=1000)
    common = 0.01 * np.random.default_rng(1).standard_normal(1000)
    close = pd.DataFrame(
        {"CALM": walk(0.5, 0.001, common, 2), "EVEN": walk(1.0, 0.001, common, 3), "WILD": walk(2.0, 0.001, common, 4)},
        index=sessions,
    )
    return MarketData({"close": close}, benchmark=pd.Series(1000.0 * np.cumprod(1.0 + common), index=sessions))


def test_beta_equals_a_regression(prices: MarketData) -> None:
    returns, index = prices.panel("close").pct_change(), prices.benchmark.pct_change()
    for at in (252, 600, 999):
        rows = slice(at - 251, at + 1)
        for asset in prices.assets:
            wanted = np.polyfit(index.iloc[rows].dropna(), returns[asset].iloc[rows].dropna(), 1)[0]
            assert fundamental.beta(prices, 252)[asset].iloc[at] == pytest.approx(wanted, rel=1e-9)


def test_beta_of_the_index_itself_is_one_and_of_twice_it_two(prices: MarketData) -> None:
    index = prices.benchmark
    double = 100.0 * (1.0 + 2.0 * index.pct_change().fillna(0.0)).cumprod()
    market = MarketData({"close": pd.DataFrame({"ONE": index, "TWO": double})}, benchmark=index)
    np.testing.assert_allclose(fundamental.beta(market, 252).iloc[300:], [[1.0, 2.0]] * 700, rtol=1e-9)


def test_a_market_that_does_not_move_has_no_beta() -> None:
    sessions = pd.bdate_range("2010-01-01", periods=300)
    close = pd.DataFrame({"A": np.linspace(1.0, 2.0, 300)}, index=sessions)
    market = MarketData({"close": close}, benchmark=pd.Series(5.0, index=sessions))
    assert fundamental.beta(market, 252).isna().all(axis=None)


def test_without_filings_safety_alone_speaks_and_quietly(prices: MarketData) -> None:
    agent = FundamentalAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    assert agent.coverage(prices).iloc[-1].tolist() == pytest.approx([1.0 / declared] * 3)
    assert 1.0 / declared < 0.1
    assert agent.score(prices).iloc[-1].tolist() == pytest.approx([2.0 / 3.0, 0.0, -2.0 / 3.0])
    assert agent.score(prices).iloc[:251].isna().all(axis=None)


def test_the_credit_tilt_turns_with_the_spread(prices: MarketData) -> None:
    """A spread far above its past speaks for high betas, which weak times pay for; one far below against them."""
    days = pd.date_range(prices.sessions[0], prices.sessions[-1], freq="ME")
    tilt = {}
    for name, end in (("dear", 5.0), ("cheap", 0.2), ("usual", 1.02)):
        values = 1.0 + 0.1 * np.random.default_rng(0).standard_normal(len(days))
        values[-2:] = end
        known = (days + pd.Timedelta(hours=22)).tz_localize("UTC")
        rows = pd.DataFrame({"series": "credit_spread", "value": values, "known": known})
        rows["session"] = prices.sessions[np.clip(prices.sessions.searchsorted(days) + 1, 0, 999)]
        market = replace(prices, tables={"macro": rows.sort_values("session", kind="stable")})
        tilt[name] = FundamentalAgent(weights={"credit_tilt": 1.0}).score(market).iloc[-1].tolist()
    assert tilt["dear"] == pytest.approx([-2.0 / 3.0, 0.0, 2.0 / 3.0])
    assert tilt["cheap"] == pytest.approx([2.0 / 3.0, 0.0, -2.0 / 3.0])
    assert np.abs(tilt["usual"]).max() < 0.2  # a spread near its mean says little either way


MARGINS = {f"BANK{k}": 4.0 + k for k in range(5)} | {f"SOFT{k}": 30.0 + k for k in range(5)}
SECTORS = {name: name[:4] for name in MARGINS}
FIVE, TEN = [-0.8, -0.4, 0.0, 0.4, 0.8], [-0.9, -0.7, -0.5, -0.3, -0.1, 0.1, 0.3, 0.5, 0.7, 0.9]


def test_peers_remove_the_sector() -> None:
    """All software earns more on its sales than all banks; within its sector the better one comes first."""
    table = {name: {**ACME, "operating_income": margin} for name, margin in MARGINS.items()}
    market = companies(table, sectors=SECTORS)
    weights = {"operating_margin": 1.0}
    assert FundamentalAgent(weights).score(market).iloc[-1].tolist() == pytest.approx(FIVE * 2)
    assert FundamentalAgent(weights, peers=False).score(market).iloc[-1].tolist() == pytest.approx(TEN)
    lifted = {name: {**ACME, "operating_income": MARGINS[name] + 50.0 * (SECTORS[name] == "BANK")} for name in MARGINS}
    moved = companies(lifted, sectors=SECTORS)
    assert FundamentalAgent(weights).score(moved).equals(FundamentalAgent(weights).score(market))
    assert (
        not FundamentalAgent(weights, peers=False)
        .score(moved)
        .equals(FundamentalAgent(weights, peers=False).score(market))
    )


def test_what_is_unknown_is_missing_and_lowers_the_coverage_by_its_weight() -> None:
    without = {name: figure for name, figure in ACME.items() if name not in ("gross_profit", "retained_earnings")}
    market = companies({"ACME": ACME, "PART": {**without, "gross_profit": NAN}, "COPY": ACME})
    agent = FundamentalAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    on_filings = sum(piece.weight for piece in agent.evidence if piece.kind == "fundamentals")
    coverage = agent.coverage(market).iloc[-1]
    assert coverage["ACME"] == pytest.approx(on_filings / declared)
    assert coverage["PART"] == pytest.approx((on_filings - 1.0 - 0.5) / declared)  # gross_profitability, altman


def test_missing_is_not_zero() -> None:
    """GOOD lacks one figure; the share of the evidence that is there decides alone."""
    base = {"ACME": ACME, "POOR": {**ACME, "cfo": 2.0}}
    whole = companies({**base, "GOOD": {**ACME, "cfo": 20.0}})
    part = companies({**base, "GOOD": {**ACME, "cfo": 20.0, "gross_profit": NAN}})
    agent = FundamentalAgent(weights={"cash_return": 1.0, "gross_profitability": 1.0})
    # ranks: cash 2/3, gross profit 0 among three equals
    assert agent.score(whole)["GOOD"].iloc[-1] == pytest.approx(1.0 / 3.0)
    assert agent.score(part)["GOOD"].iloc[-1] == pytest.approx(2.0 / 3.0)
    assert agent.coverage(part)["GOOD"].iloc[-1] == 0.5


def test_coverage_is_the_available_share_of_the_weight_on_any_market() -> None:
    market = example_market(sessions=700)
    agent = FundamentalAgent()
    declared = sum(piece.weight for piece in agent.evidence)
    available = np.zeros((len(market.sessions), len(market.assets)))
    for piece in agent.evidence:
        known = np.isfinite(piece.compute(market, piece.window)) & market.members
        available += piece.weight * known.to_numpy()
    np.testing.assert_allclose(agent.coverage(market), available / declared, rtol=1e-12)
    assert 0.0 < agent.coverage(market).to_numpy().mean() < 1.0


def test_weights_windows_scale_and_peers_are_parameters() -> None:
    agent = FundamentalAgent({"low_beta": 2.0, "liquidity": 1.0}, scale="zscore", peers=False, low_beta=63)
    assert [(p.name, p.weight, p.window, p.scale, p.peers) for p in agent.chosen] == [
        ("liquidity", 1.0, 0, "zscore", False),
        ("low_beta", 2.0, 63, "zscore", False),
    ]
    assert "low_beta=63" in repr(agent) and "zscore" in repr(agent)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FundamentalAgent({"piotrosky": 1.0}), "did you mean piotroski"),
        (lambda: FundamentalAgent(low_betta=5), "did you mean low_beta"),
        (lambda: FundamentalAgent(piotroski=5), "windows of credit_tilt, low_beta, low_volatility"),
        (lambda: FundamentalAgent(low_beta=0), "window: low_beta"),
        (lambda: FundamentalAgent(scale="rnk"), "did you mean rank"),
        (lambda: FundamentalAgent(peers="sector"), "true or false"),
        (lambda: FundamentalAgent({"altman": 0.0}), "at least one weight"),
    ],
)
def test_wrong_parameters_teach(make: Callable[[], FundamentalAgent], words: str) -> None:
    with pytest.raises(ParamsError, match=words):
        make()


def test_a_company_speaks_through_its_filings_from_the_first_session() -> None:
    market = companies({"ACME": ACME, "BEST": {**ACME, "gross_profit": 50.0}})
    assert len(market.sessions) == len(SESSIONS)
    assert FundamentalAgent().score(market).notna().all(axis=None)
