"""The fundamental agent: profitability, growth, earnings quality, solidity, and safety."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pandas as pd

from alphapulse.agents.evidence import Evidence, EvidenceAgent
from alphapulse.agents.filings import filings, market_value
from alphapulse.agents.risk_traits import beta, beta_rank, volatility
from alphapulse.agents.statements import Year, altman_z, believable, piotroski_f, ratio
from alphapulse.core.market import MarketData
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array

YEAR = 252
EPS_ROUNDING = 0.01  # shares derived from earnings per share move by as much without an offering
TAX = 0.21  # statutory rate on operating income; the same for all, so it changes no rank


def gross_profitability(market: MarketData, window: int) -> Panel:
    """Return a year's gross profit over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("gross_profit"), filed.latest("assets")))


def return_on_equity(market: MarketData, window: int) -> Panel:
    """Return the quarter's net income over the equity one quarter before; unknown where that is not above zero."""
    filed = filings(market)
    return filed.panel(believable(ratio(filed.latest("net_income"), filed.before("equity"))))


def return_on_capital(market: MarketData, window: int) -> Panel:
    """Return a year's operating income after tax over debt plus equity minus cash."""
    filed = filings(market)
    capital = filed.latest("debt") + filed.latest("equity") - filed.latest("cash")
    return filed.panel(believable(ratio((1.0 - TAX) * filed.year("operating_income"), capital)))


def cash_return(market: MarketData, window: int) -> Panel:
    """Return a year's operating cash flow over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("cfo"), filed.latest("assets")))


def operating_margin(market: MarketData, window: int) -> Panel:
    """Return a year's operating income over revenue."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("operating_income"), filed.year("revenue")))


def net_margin(market: MarketData, window: int) -> Panel:
    """Return a year's net income over revenue."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("net_income"), filed.year("revenue")))


def sales_growth(market: MarketData, window: int) -> Panel:
    """Return the quarter's revenue over that of the same quarter a year ago, minus 1."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("revenue"), filed.now_ago("revenue")) - 1.0)


def earnings_growth(market: MarketData, window: int) -> Panel:
    """Return the change of the quarter's net income against the same quarter a year ago, over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("net_income") - filed.now_ago("net_income"), filed.latest("assets")))


def accruals(market: MarketData, window: int) -> Panel:
    """Return the part of a year's net income that did not come as cash, over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.year("accrued_income"), filed.latest("assets")))


def asset_growth(market: MarketData, window: int) -> Panel:
    """Return assets over those a year ago, minus 1."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("assets"), filed.now_ago("assets")) - 1.0)


def leverage(market: MarketData, window: int) -> Panel:
    """Return liabilities over assets."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("liabilities"), filed.latest("assets")))


def liquidity(market: MarketData, window: int) -> Panel:
    """Return current assets over current liabilities."""
    filed = filings(market)
    return filed.panel(ratio(filed.latest("current_assets"), filed.latest("current_liabilities")))


def piotroski(market: MarketData, window: int) -> Panel:
    """Return Piotroski's F-score over the newest four quarters against the four before."""
    filed = filings(market)

    def year(flow: Callable[[str], Array], stock: Callable[[str], Array], before: Callable[[str], Array]) -> Year:
        return Year(
            net_income=flow("net_income"),
            cfo=flow("cfo"),
            revenue=flow("revenue"),
            gross_profit=flow("gross_profit"),
            assets_before=before("assets"),
            assets=stock("assets"),
            current_assets=stock("current_assets"),
            current_liabilities=stock("current_liabilities"),
            long_term_debt=stock("debt"),
            shares=stock("shares"),
        )

    this = year(filed.year, filed.latest, filed.now_ago)
    last = year(filed.year_ago, filed.now_ago, filed.now_two_ago)
    return filed.panel(piotroski_f(this, last, rounding=EPS_ROUNDING))


def altman(market: MarketData, window: int) -> Panel:
    """Return Altman's Z, with the market value of the day."""
    filed = filings(market)

    def spread(values: Array) -> Array:
        return filed.panel(values).to_numpy()

    score = altman_z(
        working_capital=spread(filed.latest("current_assets") - filed.latest("current_liabilities")),
        retained_earnings=spread(filed.latest("retained_earnings")),
        ebit=spread(filed.year("operating_income")),
        market_value=market_value(market).to_numpy(),
        liabilities=spread(filed.latest("liabilities")),
        revenue=spread(filed.year("revenue")),
        assets=spread(filed.latest("assets")),
    )
    return pd.DataFrame(score, market.sessions, market.assets, copy=False)


def credit_tilt(market: MarketData, window: int) -> Panel:
    """Return the rank of beta times the credit spread's distance from its own past, both within -1 and 1.

    High where a risky asset meets a dear credit market: weak times pay more for risk. The past are the spread's values
    over three times `window` sessions, at least `window`; three standard deviations count as 1.
    """
    spread = market.macro("credit_spread", max_age=63)
    past = spread.rolling(3 * window, min_periods=window)
    deviation = past.std()
    stress = ((spread - past.mean()) / deviation.where(deviation > 0.0) / 3.0).clip(-1.0, 1.0)
    return beta_rank(market, YEAR).mul(stress, axis=0)


def _filed(*figures: str) -> tuple[str, ...]:
    return tuple(f"fundamentals.{figure}" for figure in figures)


class FundamentalAgent(EvidenceAgent):
    """Scores profitable, growing, cash-backed and solid companies above others, and safe assets above risky ones.

    Without filings only safety and, where the credit spread is known, the macro tilt speak, at low coverage.
    """

    name: str = "fundamental"
    evidence: ClassVar[tuple[Evidence, ...]] = (
        Evidence(
            "gross_profitability", gross_profitability, 0, 1, 1.0, "Novy-Marx 2013", _filed("gross_profit", "assets")
        ),
        Evidence(
            "return_on_equity", return_on_equity, 0, 1, 1.0, "Hou, Xue, Zhang 2015", _filed("net_income", "equity")
        ),
        Evidence(
            "return_on_capital",
            return_on_capital,
            0,
            1,
            0.5,
            "Nissim and Penman 2001",
            _filed("operating_income", "debt", "equity", "cash"),
            peers=True,
        ),
        Evidence(
            "cash_return", cash_return, 0, 1, 0.5, "Ball, Gerakos, Linnainmaa, Nikolaev 2016", _filed("cfo", "assets")
        ),
        Evidence(
            "operating_margin",
            operating_margin,
            0,
            1,
            0.5,
            "Haugen and Baker 1996",
            _filed("operating_income", "revenue"),
            peers=True,
        ),
        Evidence(
            "net_margin", net_margin, 0, 1, 0.5, "Haugen and Baker 1996", _filed("net_income", "revenue"), peers=True
        ),
        Evidence("sales_growth", sales_growth, 0, 1, 0.5, "Jegadeesh and Livnat 2006", _filed("revenue")),
        Evidence(
            "earnings_growth", earnings_growth, 0, 1, 1.0, "Bernard and Thomas 1989", _filed("net_income", "assets")
        ),
        Evidence("accruals", accruals, 0, -1, 1.0, "Sloan 1996", _filed("net_income", "cfo", "assets")),
        Evidence("asset_growth", asset_growth, 0, -1, 0.5, "Cooper, Gulen, Schill 2008", _filed("assets")),
        Evidence(
            "leverage",
            leverage,
            0,
            -1,
            0.5,
            "Asness, Frazzini, Pedersen 2019",
            _filed("assets"),
            peers=True,
        ),
        Evidence(
            "liquidity",
            liquidity,
            0,
            1,
            0.5,
            "Ohlson 1980",
            _filed("current_assets", "current_liabilities"),
            peers=True,
        ),
        Evidence("piotroski", piotroski, 0, 1, 1.0, "Piotroski 2000", _filed("net_income", "cfo", "revenue", "assets")),
        Evidence("altman", altman, 0, 1, 0.5, "Altman 1968", _filed("retained_earnings", "operating_income")),
        Evidence(
            "credit_tilt",
            credit_tilt,
            YEAR,
            1,
            0.25,
            "Fama and French 1989",
            ("total_return", "macro.credit_spread"),
            scale="given",
        ),
        Evidence("low_beta", beta, YEAR, -1, 0.5, "Frazzini and Pedersen 2014"),
        Evidence("low_volatility", volatility, YEAR, -1, 0.5, "Ang, Hodrick, Xing, Zhang 2006"),
    )
