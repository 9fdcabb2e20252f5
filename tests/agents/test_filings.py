"""Filings as they were known, against a plain reading of every filing at every session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from companies import LAG, QUARTERS, SESSIONS, companies, dated, filings_table, last
from hypothesis import given, settings
from hypothesis import strategies as st

from alphapulse.agents import AGENTS, fundamental, valuation, value
from alphapulse.agents.activist import valuation_gap
from alphapulse.agents.filings import EXPIRES, Filings, filings, market_value
from alphapulse.core.errors import DataError, MissingField
from alphapulse.core.market import MarketData
from alphapulse.data import load_market
from alphapulse.testing import example_market, poisoned

NAN, INF = float("nan"), float("inf")
STATES: dict[str, Callable[[Filings, str], np.ndarray]] = {
    "latest": Filings.latest,
    "before": Filings.before,
    "year": Filings.year,
    "now_ago": Filings.now_ago,
    "year_ago": Filings.year_ago,
    "now_two_ago": Filings.now_two_ago,
}


# --- an independent reading: go through what was filed by then, and answer from that alone


@dataclass
class Period:
    end: pd.Timestamp
    first_known: int  # session from which it counts
    figures: dict[str, float] = field(default_factory=dict)


def periods_known(rows: list[dict[str, Any]], market: MarketData, at: int) -> list[Period]:
    """The periods of one company that were known at session number `at`, oldest first, as they then stood.

    rows: its filings in the order they became known.
    """
    periods: list[Period] = []
    for row in rows:
        if row["session"] > market.sessions[at]:
            break
        same = [period for period in periods if abs((period.end - row["period_end"]).days) < 10]
        if not same:
            counted = int(market.sessions.get_loc(row["session"]))
            days_before = (market.sessions[0] - row["known"].tz_localize(None).normalize()).days
            if days_before > 0:  # known before the market began
                counted = -(days_before * 252 // 365)
            held_back = (row["known"].tz_localize(None).normalize() - row["period_end"]).days - 180
            counted -= max(held_back, 0) * 252 // 365
            same = [Period(row["period_end"], counted)]
            periods += same
        same[0].figures.update({name: row[name] for name in ("x", "y") if not np.isnan(row[name])})
    return sorted(periods, key=lambda period: period.end)


def plain(periods: list[Period], figure: str, state: str) -> float:
    if not periods:
        return NAN

    def before(period: Period | None) -> Period | None:
        found = [p for p in periods if period is not None and 75 <= (period.end - p.end).days <= 110]
        return found[-1] if found else None

    def said(period: Period | None) -> float:
        return NAN if period is None else period.figures.get(figure, NAN)

    newest: Period | None = periods[-1]
    if np.isnan(said(newest)):
        newest = before(newest)
        if np.isnan(said(newest)):
            return NAN

    def years_ago(years: int) -> Period | None:
        found = [p for p in periods if abs((newest.end - p.end).days - 365 * years) <= 20]
        return found[-1] if found else None

    def year(period: Period | None) -> float:
        total = said(period)
        for _ in range(3):
            period = before(period)
            total += said(period)
        return total

    return {
        "latest": lambda: said(newest),
        "before": lambda: said(before(newest)),
        "year": lambda: year(newest),
        "now_ago": lambda: said(years_ago(1)),
        "year_ago": lambda: year(years_ago(1)),
        "now_two_ago": lambda: said(years_ago(2)),
    }[state]()


@st.composite
def filed_markets(draw: st.DrawFn) -> MarketData:
    """Two companies over three years: shifted and 52/53-week quarters, gaps, late filings, restatements, duplicates."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sessions = pd.bdate_range("2020-01-01", periods=620)
    rows: list[dict[str, Any]] = []
    for asset in ("A", "B"):
        first = pd.Timestamp("2017-09-30") + pd.Timedelta(days=int(random.integers(0, 90)))
        if draw(st.booleans()):  # quarters of 13 weeks, one in ten of 14
            steps = 7 * np.where(random.random(16) < 0.1, 14, 13)
            ends = [first + pd.Timedelta(days=int(days)) for days in np.cumsum(steps)]
        else:
            ends = list(pd.date_range(first, periods=16, freq="QE"))
        if draw(st.booleans()):  # a new fiscal year, once
            ends = [*ends[:8], *(end + pd.Timedelta(days=30) for end in ends[8:])]
        gap = draw(st.sampled_from([0.0, 0.1, 0.4]))
        late = draw(st.sampled_from([0.0, 0.2, 0.6]))
        for end in ends:
            if random.random() < gap:
                continue
            wait = int(random.integers(90, 420) if random.random() < late else random.integers(15, 60))
            for again in range(1 + int(random.integers(0, 3) * (random.random() < 0.4))):
                rows.append(
                    {
                        "asset": asset,
                        "period_end": end + pd.Timedelta(days=int(random.integers(-3, 4)) if again else 0),
                        "known": end + pd.Timedelta(days=wait + int(random.integers(0, 300) if again else 0)),
                        "x": NAN if random.random() < 0.15 else float(random.integers(-50, 50)),
                        "y": NAN if random.random() < 0.5 else float(random.integers(1, 9)),
                    }
                )
    random.shuffle(rows)  # type: ignore[arg-type]
    # after the close, at minutes of their own: no two filings of a company become known at the very same time
    table = pd.DataFrame(rows or [{"asset": "C", "period_end": ends[0], "known": ends[0], "x": 1.0, "y": 1.0}])
    minutes = pd.to_timedelta(22 * 60 + random.permutation(len(table)), unit="min")
    table["known"] = (table["known"] + minutes).dt.tz_localize("UTC")
    close = pd.DataFrame(10.0, index=sessions, columns=["A", "B"])
    return MarketData({"close": close}, tables={"fundamentals": dated(table, sessions)})


@settings(max_examples=30)
@given(market=filed_markets())
def test_every_state_at_every_session_is_what_was_known_then(market: MarketData) -> None:
    filed, table = filings(market), market.table("fundamentals")
    for number, asset in enumerate(market.assets):
        rows = table[table["asset"] == asset].sort_values("known", kind="stable").to_dict("records")
        counted = {market.sessions.get_loc(row["session"]) for row in rows} | {0}
        for figure in ("x", "y"):
            wanted = {state: np.full(len(market.sessions), NAN) for state in STATES}
            for at in range(len(market.sessions)):
                if at in counted:
                    periods = periods_known(rows, market, at)
                    said = {state: plain(periods, figure, state) for state in STATES}
                if periods and at < periods[-1].first_known + 252:
                    for state, figure_then in said.items():
                        wanted[state][at] = figure_then
            for state, read in STATES.items():
                got = filed.panel(read(filed, figure)).to_numpy()[:, number]
                np.testing.assert_allclose(got, wanted[state], err_msg=f"{asset} {state} {figure}")


@settings(max_examples=15)
@given(market=filed_markets(), cut=st.integers(0, 619))
def test_panels_up_to_a_session_do_not_change_with_what_is_filed_later(market: MarketData, cut: int) -> None:
    session = market.sessions[cut]
    others = [market.until(session), *(poisoned(market, session, how) for how in ("unknown", "noise", "tenfold"))]
    for read in STATES.values():
        filed = filings(market)
        wanted = filed.panel(read(filed, "x")).iloc[: cut + 1]
        for other in others:
            changed = filings(other)
            pd.testing.assert_frame_equal(changed.panel(read(changed, "x")).iloc[: cut + 1], wanted)


def test_market_value_up_to_a_session_does_not_change_with_what_comes_later() -> None:
    market = load_market("simulated", n_assets=8, n_sessions=700, seed=3, actions=True, fundamentals=True)
    for cut in (250, 301, 444, 690):
        session = market.sessions[cut]
        wanted = market_value(market).iloc[: cut + 1]
        assert wanted.notna().to_numpy().any()
        for other in (market.until(session), poisoned(market, session, "noise"), poisoned(market, session, "unknown")):
            pd.testing.assert_frame_equal(market_value(other).iloc[: cut + 1], wanted)


# --- one company, told by hand

LONG = pd.bdate_range("2020-01-01", periods=700)


def one(*rows: tuple[str, str, float], sessions: pd.DatetimeIndex = LONG) -> MarketData:
    """Filings of A as period end, day known and the figure x."""
    table = [{"asset": "A", "period_end": end, "known": known, "x": x} for end, known, x in rows]
    return MarketData(
        {"close": pd.DataFrame(10.0, index=sessions, columns=["A"])},
        tables={"fundamentals": filings_table(table, sessions)},
    )


def told(market: MarketData, state: str, *days: str) -> list[float]:
    filed = filings(market)
    panel = filed.panel(STATES[state](filed, "x"))["A"]
    return [float(panel.loc[pd.Timestamp(day)]) for day in days]


def test_a_filing_counts_from_its_day_until_the_next() -> None:
    market = one(("2019-12-31", "2020-02-12", 1.0), ("2020-03-31", "2020-05-13", 2.0))
    got = told(market, "latest", "2020-02-12", "2020-02-13", "2020-05-13", "2020-05-14")
    assert np.isnan(got[0]) and got[1:] == [1.0, 1.0, 2.0]
    assert told(market, "before", "2020-05-14") == [1.0]


def test_a_restatement_replaces_its_own_period_from_its_own_day() -> None:
    market = one(
        ("2019-12-31", "2020-02-12", 1.0), ("2020-03-31", "2020-05-13", 2.0), ("2019-12-31", "2020-06-10", 7.0)
    )
    assert told(market, "latest", "2020-06-09", "2020-06-15") == [2.0, 2.0]
    assert told(market, "before", "2020-06-10", "2020-06-11") == [1.0, 7.0]


def test_an_old_period_filed_late_never_becomes_the_newest_but_completes_the_year() -> None:
    market = one(
        ("2020-03-31", "2020-05-13", 1.0),
        ("2020-09-30", "2020-11-11", 3.0),
        ("2020-12-31", "2021-02-10", 4.0),
        ("2020-06-30", "2021-03-10", 2.0),
    )
    assert told(market, "latest", "2021-03-09", "2021-03-11") == [4.0, 4.0]
    before, after = told(market, "year", "2021-03-10", "2021-03-11")
    assert np.isnan(before) and after == 10.0


def test_a_restatement_does_not_keep_a_silent_company_alive() -> None:
    market = one(("2019-12-31", "2020-02-12", 1.0), ("2019-12-31", "2020-09-01", 5.0))
    panel = filings(market).panel(filings(market).latest("x"))["A"]
    first = LONG.get_loc(pd.Timestamp("2020-02-13"))
    assert panel.iloc[first : first + EXPIRES].notna().all()
    assert panel.iloc[first + EXPIRES :].isna().all()
    assert panel.iloc[first + EXPIRES - 1] == 5.0


def test_two_filings_on_one_session_leave_the_newest_period() -> None:
    market = one(("2020-03-31", "2020-05-13", 2.0), ("2019-12-31", "2020-05-13", 1.0))
    assert told(market, "latest", "2020-05-14") == [2.0]
    assert told(market, "before", "2020-05-14") == [1.0]


# --- splits


def split_market(later: str = "2020-03-16") -> MarketData:
    """100 shares become 200 between the period's end and its filing, and 800 between the filing and today (`later`).

    Each quarter states its shares as of its filing; nothing was issued. The company is worth 8,000 throughout.
    """
    sessions = pd.bdate_range("2018-01-01", periods=620)
    split = pd.DataFrame(1.0, index=sessions, columns=["A"])
    split.loc[pd.Timestamp("2020-01-15"), "A"] = 2.0
    split.loc[pd.Timestamp(later), "A"] = 4.0
    grown = split.cumprod()
    close = 8000.0 / (100.0 * grown)
    rows = [
        {
            "asset": "A",
            "period_end": end,
            "known": end + LAG,
            "shares": 100.0 * float(grown["A"].loc[: end + LAG].iloc[-1]) if end + LAG >= sessions[0] else 100.0,
            "net_income": 10.0,
            "dividends": 2.0,
            "cfo": 12.0,
            "revenue": 100.0,
            "gross_profit": 40.0,
            "assets": 1000.0,
            "current_assets": 100.0,
            "current_liabilities": 50.0,
            "debt": 100.0,
        }
        for end in QUARTERS
    ]
    table = filings_table(rows, sessions)
    return MarketData({"close": close, "split": split}, tables={"fundamentals": table})


@pytest.mark.parametrize("later", ["2020-03-16", "2020-02-10"])
def test_market_value_is_true_through_splits_before_and_after_the_filing(later: str) -> None:
    """The last filing comes on a Sunday, 2020-02-09; a split on the Monday, from which it counts, is not in it."""
    market = split_market(later)
    assert market.table("fundamentals")["shares"].tolist() == [100.0] * 8 + [200.0]
    worth = market_value(market)["A"]
    assert worth.iloc[-1] == pytest.approx(8000.0)
    known = worth.dropna()
    assert len(known) > 500
    np.testing.assert_allclose(known, 8000.0, rtol=1e-12)


def test_a_split_is_no_issuance_of_shares() -> None:
    market = split_market()
    unsplit = replace(
        market,
        panels={"close": pd.DataFrame(80.0, index=market.sessions, columns=["A"])},
        tables={"fundamentals": market.table("fundamentals").assign(shares=100.0)},
    )
    # dividends of 8 a year on 8,000, nothing bought back
    assert last(value.shareholder_yield, market)["A"] == pytest.approx(8.0 / 8000.0, rel=1e-12)
    assert last(fundamental.piotroski, market)["A"] == last(fundamental.piotroski, unsplit)["A"]


def test_new_shares_beside_a_split_are_an_issuance() -> None:
    market = split_market()
    table = market.table("fundamentals").copy()
    table.loc[table.index[-1], "shares"] *= 1.1
    issued = replace(market, tables={"fundamentals": table})
    assert last(value.shareholder_yield, issued)["A"] == pytest.approx(8.0 / 8800.0 - 0.1, rel=1e-9)
    assert last(fundamental.piotroski, issued)["A"] == last(fundamental.piotroski, market)["A"] - 1.0


def test_simulated_companies_issue_no_shares_so_their_value_grows_as_a_holder_grows_rich() -> None:
    """Whatever is filed and split: value after the dividend over value before is the total return, less dividends."""
    market = load_market("simulated", n_assets=40, n_sessions=1500, seed=5, actions=True, fundamentals=True)
    worth = market_value(market)
    close, paid = market.panel("close"), market.panel("dividend").fillna(0.0)
    split = market.panel("split").fillna(1.0)
    assert (split != 1.0).to_numpy().sum() > 10  # the law is about something
    level = market.panel("total_return")
    grown = (worth * (1.0 + paid / close) / worth.shift(1)).to_numpy()
    wanted = (level / level.shift(1)).to_numpy()
    both = ~np.isnan(grown) & ~np.isnan(wanted)
    assert both.mean() > 0.5
    np.testing.assert_allclose(grown[both], wanted[both], rtol=1e-9)


def test_simulated_market_value_is_shares_as_filed_carried_over_later_splits() -> None:
    market = load_market("simulated", n_assets=12, n_sessions=1200, seed=1, actions=True, fundamentals=True)
    table, split, close = market.table("fundamentals"), market.panel("split").fillna(1.0), market.panel("close")
    worth = market_value(market)
    checked = 0
    for asset in market.assets:
        for at in range(100, len(market.sessions), 97):
            session = market.sessions[at]
            rows = table[(table["asset"] == asset) & (table["session"] <= session)]
            if rows.empty or np.isnan(worth[asset].iloc[at]):
                continue
            newest = rows[rows["period_end"] == rows["period_end"].max()].iloc[-1]
            day = newest["known"].tz_convert("America/New_York").tz_localize(None).normalize()
            later = split[asset].loc[day + pd.Timedelta(days=1) : session]
            wanted = newest["shares"] * later.prod() * close[asset].iloc[at]
            assert worth[asset].iloc[at] == pytest.approx(wanted, rel=1e-9)
            checked += 1
    assert checked > 60


# --- bad input: each case has one outcome

HEALTHY = {
    "revenue": 100.0,
    "gross_profit": 40.0,
    "operating_income": 20.0,
    "net_income": 10.0,
    "cfo": 12.0,
    "capex": 4.0,
    "dividends": 2.0,
    "shares": 50.0,
    "assets": 400.0,
    "liabilities": 200.0,
    "equity": 200.0,
    "retained_earnings": 100.0,
    "current_assets": 120.0,
    "current_liabilities": 60.0,
    "cash": 30.0,
    "debt": 80.0,
}
EVIDENCE = {
    piece.name: piece.compute
    for name in ("fundamental", "value", "valuation", "activist")
    for piece in AGENTS[name].evidence
    if piece.kind == "fundamentals"
}


def with_odd(**figures: float) -> MarketData:
    """Six healthy companies, and ODD that differs by `figures`."""
    return companies(
        {**{f"C{number}": HEALTHY for number in range(6)}, "ODD": {**HEALTHY, **figures}}, sectors=None, price=10.0
    )


def unknown_evidence(market: MarketData, asset: str = "ODD") -> set[str]:
    return {name for name, compute in EVIDENCE.items() if np.isnan(compute(market, 0)[asset].iloc[-1])}


OF_EQUITY = {"return_on_equity", "book_yield", "residual_income", "book_multiple"}
UNKNOWN = [
    ("negative equity", {"equity": -20.0}, {"return_on_capital", *OF_EQUITY}),  # a capital of 30 earns over 100 %
    ("equity of zero", {"equity": 0.0}, {"return_on_capital", *OF_EQUITY}),
    ("a sliver of equity", {"equity": 0.001}, {"return_on_capital", "return_on_equity", "residual_income"}),
    (
        "zero revenue",
        {"revenue": 0.0},
        {"operating_margin", "net_margin", "margin_gap", "sales_growth", "sales_multiple", "discounted_cash_flow"},
    ),
    ("a loss", {"net_income": -10.0}, {"earnings_multiple"}),
    ("burnt cash", {"cfo": -12.0}, {"low_payout", "discounted_cash_flow"}),
    ("no current liabilities", {"current_liabilities": 0.0}, {"liquidity"}),
    (
        "assets of zero",
        {"assets": 0.0},
        {"gross_profitability", "cash_return", "earnings_growth", "accruals", "asset_growth", "leverage", "altman"}
        | {"excess_cash", "low_leverage", "valuation_gap", "piotroski"},
    ),
]
PRICED = {
    *("altman", "earnings_yield", "book_yield", "sales_yield", "cash_flow_yield", "shareholder_yield"),
    *("residual_income", "discounted_cash_flow", "earnings_multiple", "book_multiple", "sales_multiple"),
    *("valuation_gap", "size_band"),
}


def test_healthy_companies_are_known_in_full() -> None:
    assert unknown_evidence(with_odd()) == set()


@pytest.mark.parametrize(("figures", "unknown"), [case[1:] for case in UNKNOWN], ids=[case[0] for case in UNKNOWN])
def test_a_figure_that_cannot_be_reckoned_with_is_unknown_and_nothing_else(
    figures: dict[str, float], unknown: set[str]
) -> None:
    market = with_odd(**figures)
    assert unknown_evidence(market) == unknown
    assert unknown_evidence(market, "C0") == set()


@pytest.mark.parametrize("shares", [0.0, -50.0, NAN, INF])
def test_without_shares_the_market_value_is_unknown(shares: float) -> None:
    market = with_odd(shares=shares)
    assert np.isnan(market_value(market)["ODD"].iloc[-1])
    assert market_value(market)["C0"].iloc[-1] == 500.0
    assert unknown_evidence(market) == PRICED


def test_negative_equity_is_not_called_cheap() -> None:
    market = with_odd(equity=-50.0)
    agent = AGENTS["value"](weights={"book_yield": 1.0})
    assert np.isnan(agent.score(market)["ODD"].iloc[-1])
    assert agent.coverage(market)["ODD"].iloc[-1] == 0.0
    assert agent.score(market)["C0"].notna().all()


def test_shares_come_from_earnings_per_share_where_they_are_not_filed_and_not_from_a_cent() -> None:
    table = {name: figure for name, figure in HEALTHY.items() if name != "shares"}
    market = companies(
        {
            "A": {**table, "eps_diluted": 0.2},
            "B": {**table, "eps_diluted": 0.04},
            "C": {**table, "net_income": -10.0, "eps_diluted": -0.2},
            "D": {**table, "eps_diluted": -0.2},
            "E": {**table, "eps_diluted": 0.0},
        }
    )
    assert market_value(market).iloc[-1].fillna(-1.0).tolist() == [500.0, -1.0, 500.0, -1.0, -1.0]


def test_a_duplicate_filing_changes_nothing() -> None:
    market = with_odd()
    table = market.table("fundamentals")
    twice = replace(market, tables={"fundamentals": pd.concat([table, table]).sort_values("session", kind="stable")})
    for name in ("fundamental", "value", "valuation", "activist"):
        agent = AGENTS[name]()
        pd.testing.assert_frame_equal(agent.score(twice), agent.score(market))


def test_rows_in_any_order_are_read_in_the_order_they_became_known() -> None:
    market = example_market(sessions=500)
    table = market.table("fundamentals")
    random = np.random.default_rng(0)
    moved = replace(market, tables={"fundamentals": table.iloc[random.permutation(len(table))]})
    filed, other = filings(market), filings(moved)
    for read in STATES.values():
        wanted = filed.panel(read(filed, "assets"))
        pd.testing.assert_frame_equal(other.panel(read(other, "assets")), wanted)


def test_a_late_filer_is_unknown_after_a_year_and_back_when_it_files() -> None:
    market = one(("2019-12-31", "2020-02-12", 1.0), ("2020-12-31", "2021-08-11", 2.0))
    panel = filings(market).panel(filings(market).latest("x"))["A"]
    known = panel.dropna()
    first, back = LONG.get_loc(pd.Timestamp("2020-02-13")), LONG.get_loc(pd.Timestamp("2021-08-12"))
    # 223 days after its period's end, 43 more than usual: it comes 29 sessions old
    assert known.index.equals(LONG[first : first + 252].append(LONG[back : back + 252 - 29]))
    assert set(known.iloc[:252]) == {1.0} and set(known.iloc[252:]) == {2.0}


def test_a_filing_that_comes_years_late_is_no_news() -> None:
    market = one(("2018-03-31", "2020-12-25", 1.0))  # a thousand days
    assert filings(market).panel(filings(market).latest("x")).isna().all(axis=None)


def test_a_filing_from_before_the_market_is_as_old_as_it_is() -> None:
    """Known half a year before the first session, it counts for the other half; known two years before, never."""
    half = one(("2019-03-31", "2019-07-02", 1.0))
    panel = filings(half).panel(filings(half).latest("x"))["A"]
    assert panel.iloc[0] == 1.0
    assert 120 <= panel.notna().sum() <= 132
    old = one(("2017-12-31", "2018-01-31", 1.0))
    assert filings(old).panel(filings(old).latest("x")).isna().to_numpy().all()


def test_the_same_filing_is_as_old_in_a_market_that_begins_later() -> None:
    whole = one(("2019-12-31", "2020-02-12", 1.0))
    begun = one(("2019-12-31", "2020-02-12", 1.0), sessions=LONG[150:])
    ends = [filings(m).panel(filings(m).latest("x"))["A"].dropna().index[-1] for m in (whole, begun)]
    assert abs((ends[0] - ends[1]).days) <= 14  # a year is taken to hold 252 sessions


def test_a_filing_known_before_its_period_ended_does_not_count() -> None:
    market = one(
        ("2019-12-31", "2020-02-12", 1.0), ("2105-12-31", "2020-05-13", 9.0), ("2020-06-30", "2020-08-12", 3.0)
    )
    assert told(market, "latest", "2020-05-14", "2020-08-13") == [1.0, 3.0]


def test_a_filing_without_a_period_does_not_count() -> None:
    market = one(("2019-12-31", "2020-02-12", 1.0))
    table = market.table("fundamentals")
    lost = pd.concat([table, table.assign(period_end=pd.NaT, x=9.0)], ignore_index=True)
    market = replace(market, tables={"fundamentals": lost})
    assert told(market, "latest", "2020-02-13") == [1.0]


@pytest.mark.parametrize("missing", ["period_end", "asset"])
def test_a_table_without_its_keys_is_refused_in_words(missing: str) -> None:
    market = one(("2019-12-31", "2020-02-12", 1.0))
    short = replace(market, tables={"fundamentals": market.table("fundamentals").drop(columns=missing)})
    with pytest.raises(MissingField, match="at least asset, period_end") as caught:
        filings(short)
    assert isinstance(caught.value, DataError)


@pytest.mark.parametrize("absurd", [-INF, 1e300, 1.7e308, 9e23, 1e-300])
@pytest.mark.parametrize("figure", sorted(HEALTHY))
def test_absurd_figures_leave_scores_in_range_and_the_others_alone(figure: str, absurd: float) -> None:
    """Without a warning (they are errors here), without an infinity, and without moving who is known."""
    market = with_odd(**{figure: absurd})
    plain_market = with_odd()
    for name in ("fundamental", "value", "valuation", "activist"):
        agent = AGENTS[name]()
        score, coverage = agent.score(market), agent.coverage(market)
        assert not np.isinf(score.to_numpy()).any() and (score.abs().fillna(0.0) <= 1.0).all(axis=None)
        others = [asset for asset in market.assets if asset != "ODD"]
        pd.testing.assert_frame_equal(coverage[others], agent.coverage(plain_market)[others])


def test_infinite_figures_are_unknown() -> None:
    assert {"gross_profitability"} == unknown_evidence(with_odd(gross_profit=INF))
    assert unknown_evidence(with_odd(equity=INF)) >= {"book_yield", "return_on_equity", "residual_income"}


def test_an_asset_without_any_filing_is_unknown_and_leaves_the_others_alone() -> None:
    market = with_odd()
    table = market.table("fundamentals")
    silent = replace(market, tables={"fundamentals": table[table["asset"] != "ODD"]})
    assert unknown_evidence(silent) == set(EVIDENCE)
    assert unknown_evidence(silent, "C0") == set()
    for name in ("fundamental", "value", "valuation", "activist"):
        assert (AGENTS[name]().coverage(silent)["ODD"] == 0.0).all()  # too short for evidence on prices


def test_a_filing_of_a_stranger_changes_nothing() -> None:
    market = with_odd()
    table = market.table("fundamentals")
    stranger = table[table["asset"] == "ODD"].assign(asset="ELSE")
    both = replace(market, tables={"fundamentals": pd.concat([table, stranger]).sort_values("session", kind="stable")})
    pd.testing.assert_frame_equal(AGENTS["value"]().score(both), AGENTS["value"]().score(market))


@pytest.mark.parametrize(
    "figure", ["gross_profit", "capex", "current_assets", "debt", "dividends", "retained_earnings"]
)
def test_a_missing_column_an_empty_one_and_one_of_text_say_the_same(figure: str) -> None:
    market = with_odd()
    table = market.table("fundamentals")
    for changed in (table.drop(columns=figure), table.assign(**{figure: NAN}), table.assign(**{figure: "much"})):
        without = replace(market, tables={"fundamentals": changed})
        for name in ("fundamental", "value", "valuation", "activist"):
            agent, empty = AGENTS[name](), replace(market, tables={"fundamentals": table.assign(**{figure: NAN})})
            pd.testing.assert_frame_equal(agent.coverage(without), agent.coverage(empty))
            pd.testing.assert_frame_equal(agent.score(without), agent.score(empty))
            assert (agent.coverage(without) <= agent.coverage(market)).all(axis=None)


def test_whole_numbers_and_nullable_ones_are_figures_too() -> None:
    market = with_odd()
    table = market.table("fundamentals").astype({"assets": "Int64", "equity": "int64"})
    table.loc[table["asset"] == "ODD", "assets"] = pd.NA
    other = replace(market, tables={"fundamentals": table})
    assert "excess_cash" in unknown_evidence(other) and "excess_cash" not in unknown_evidence(other, "C0")
    assert last(value.book_yield, other)["C0"] == 0.4


def test_knowledge_times_without_a_zone_are_utc() -> None:
    market = with_odd()
    table = market.table("fundamentals")
    naive = replace(market, tables={"fundamentals": table.assign(known=table["known"].dt.tz_localize(None))})
    pd.testing.assert_frame_equal(market_value(naive), market_value(market))


def test_an_empty_table_is_like_companies_that_never_filed() -> None:
    market = with_odd()
    empty = replace(market, tables={"fundamentals": market.table("fundamentals").iloc[:0]})
    assert unknown_evidence(empty) == set(EVIDENCE)
    for name in ("fundamental", "value", "valuation", "activist"):
        assert AGENTS[name]().score(empty).isna().all(axis=None)
        assert (AGENTS[name]().coverage(empty) == 0.0).all(axis=None)


def test_figures_that_follow_from_others_do_not_replace_what_was_filed() -> None:
    both = with_odd(liabilities=150.0)
    assert last(fundamental.leverage, both)["ODD"] == 150.0 / 400.0
    table = both.table("fundamentals").drop(columns="liabilities")
    derived = replace(both, tables={"fundamentals": table})
    assert last(fundamental.leverage, derived)["ODD"] == 0.5  # assets less equity
    assert last(valuation_gap, derived)["ODD"] == (500.0 + 200.0) / 400.0


def test_dividends_follow_from_those_per_share() -> None:
    table = {name: figure for name, figure in HEALTHY.items() if name != "dividends"}
    market = companies({"A": {**table, "dividends_per_share": 0.04}, "B": table})
    assert last(value.shareholder_yield, market).tolist()[0] == pytest.approx(4 * 0.04 * 50.0 / 500.0)
    assert np.isnan(last(value.shareholder_yield, market)["B"])


def test_a_halted_session_has_no_market_value_and_the_next_one_has() -> None:
    market = with_odd()
    close = market.panel("close").copy()
    close.loc[SESSIONS[10], "ODD"] = NAN
    halted = market_value(replace(market, panels={"close": close}))["ODD"]
    assert np.isnan(halted.iloc[10]) and halted.drop(SESSIONS[10]).eq(500.0).all()


def test_residual_income_needs_a_book_to_reckon_from() -> None:
    """A return beyond 100 % on a sliver of equity is no forecast."""
    assert "residual_income" in unknown_evidence(with_odd(equity=30.0))  # 40 on 30
    assert np.isfinite(last(valuation.residual_income, with_odd(equity=50.0))["ODD"])  # 40 on 50
