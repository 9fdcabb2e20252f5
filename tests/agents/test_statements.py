"""Piotroski's F and Altman's Z by hand, with every number shown."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest

from alphapulse.agents.statements import LEAST_TESTS, Year, altman_z, piotroski_f, piotroski_tests, ratio

TESTS = ("roa", "cfo", "roa_up", "accrual", "leverage", "liquidity", "equity", "margin", "turnover")


def year(**figures: float) -> Year:
    return Year(**{name: np.array([value], dtype=float) for name, value in figures.items()})


# Piotroski 2000, section 2.2: ROA, CFO and turnover over assets at the beginning of the year, leverage over average
# assets, the current ratio and the gross margin as they are.
#
#             last year                   this year
# ROA         40 / 800  = 0.05            66 / 1000 = 0.066           positive, up
# CFO                                     80 / 1000 = 0.08            positive, above ROA: no accruals
# leverage    270 / 900 = 0.30            220 / 1100 = 0.20           down
# current     300 / 200 = 1.5             400 / 250 = 1.6             up
# shares      100                         100                         none issued
# margin      240 / 800 = 0.30            384 / 1200 = 0.32           up
# turnover    800 / 800 = 1.0             1200 / 1000 = 1.2           up
LAST = {
    "net_income": 40.0,
    "cfo": 30.0,
    "revenue": 800.0,
    "gross_profit": 240.0,
    "assets_before": 800.0,
    "assets": 1000.0,
    "current_assets": 300.0,
    "current_liabilities": 200.0,
    "long_term_debt": 270.0,
    "shares": 100.0,
}
THIS = {
    "net_income": 66.0,
    "cfo": 80.0,
    "revenue": 1200.0,
    "gross_profit": 384.0,
    "assets_before": 1000.0,
    "assets": 1200.0,
    "current_assets": 400.0,
    "current_liabilities": 250.0,
    "long_term_debt": 220.0,
    "shares": 100.0,
}
# One change of THIS after which exactly the named tests fail.
FAILURES = [
    ({"net_income": -1.0}, {"roa", "roa_up"}),
    ({"net_income": 49.0}, {"roa_up"}),  # 0.049 after 0.05
    ({"net_income": 50.0}, {"roa_up"}),  # 0.05 after 0.05: no rise
    ({"cfo": -1.0}, {"cfo", "accrual"}),
    ({"cfo": 0.0}, {"cfo", "accrual"}),
    ({"cfo": 65.0}, {"accrual"}),  # 0.065 under ROA of 0.066
    ({"long_term_debt": 331.0}, {"leverage"}),  # 331 / 1100 = 0.301 after 0.30
    ({"current_assets": 370.0}, {"liquidity"}),  # 1.48 after 1.5
    ({"shares": 101.0}, {"equity"}),
    ({"shares": 99.0}, set()),
    ({"gross_profit": 348.0}, {"margin"}),  # 0.29 after 0.30
    ({"revenue": 990.0, "gross_profit": 330.0}, {"turnover"}),  # 0.99 after 1.0, margin 1/3
    ({"assets": 700.0}, set()),  # 220 / 850 = 0.259 after 0.30: ROA, CFO, turnover do not read the year's end
    ({"assets": 400.0}, {"leverage"}),  # 220 / 700 = 0.314 after 0.30: leverage reads the average
]


def test_a_company_that_improves_everywhere_passes_all_nine() -> None:
    assert piotroski_tests(year(**THIS), year(**LAST))[:, 0].tolist() == [1.0] * 9
    assert piotroski_f(year(**THIS), year(**LAST)).tolist() == [9.0]


def test_a_company_that_worsens_everywhere_fails_all_nine() -> None:
    worse = {
        **THIS,
        "net_income": -66.0,
        "cfo": -80.0,  # -0.08 under ROA of -0.066
        "long_term_debt": 440.0,
        "current_assets": 300.0,
        "shares": 120.0,
        "revenue": 900.0,
        "gross_profit": 180.0,
    }
    assert piotroski_tests(year(**worse), year(**LAST))[:, 0].tolist() == [0.0] * 9
    assert piotroski_f(year(**worse), year(**LAST)).tolist() == [0.0]


@pytest.mark.parametrize(("change", "failed"), FAILURES, ids=lambda value: str(sorted(value)))
def test_each_test_reads_its_own_figures(change: dict[str, float], failed: set[str]) -> None:
    found = piotroski_tests(year(**{**THIS, **change}), year(**LAST))[:, 0]
    assert {name for name, passed in zip(TESTS, found, strict=True) if passed == 0.0} == failed
    assert piotroski_f(year(**{**THIS, **change}), year(**LAST)).tolist() == [9.0 - len(failed)]


def test_an_unknown_figure_leaves_its_tests_unanswered_and_scales_the_rest() -> None:
    no_debt = piotroski_tests(replace(year(**THIS), long_term_debt=np.array([np.nan])), year(**LAST))[:, 0]
    assert np.isnan(no_debt[4]) and np.nansum(no_debt) == 8.0
    assert piotroski_f(replace(year(**THIS), long_term_debt=np.array([np.nan])), year(**LAST)).tolist() == [9.0]
    slipped = replace(year(**{**THIS, "shares": 101.0}), long_term_debt=np.array([np.nan]))
    assert piotroski_f(slipped, year(**LAST))[0] == pytest.approx(9.0 * 7 / 8)


def test_too_few_answers_are_no_score() -> None:
    unknown = np.array([np.nan])
    this = replace(year(**THIS), long_term_debt=unknown, gross_profit=unknown, shares=unknown)
    assert piotroski_f(this, year(**LAST)).tolist() == [9.0]  # six of six
    assert LEAST_TESTS == 6
    fewer = replace(this, current_assets=unknown)
    assert np.isnan(piotroski_f(fewer, year(**LAST))).all()
    nothing = Year(**{field.name: unknown for field in fields(Year)})
    assert np.isnan(piotroski_f(nothing, nothing)).all()


@pytest.mark.parametrize("zero", ["assets_before", "revenue", "current_liabilities"])
def test_nothing_to_divide_by_is_unknown_not_passed(zero: str) -> None:
    found = piotroski_tests(year(**{**THIS, zero: 0.0}), year(**LAST))[:, 0]
    touched = {"assets_before": [0, 1, 2, 3, 8], "revenue": [7], "current_liabilities": [5]}[zero]
    assert np.isnan(found[touched]).all()


def test_shapes_are_kept() -> None:
    wide = Year(**{name: np.full((2, 3), value) for name, value in THIS.items()})
    before = Year(**{name: np.full((2, 3), value) for name, value in LAST.items()})
    assert piotroski_tests(wide, before).shape == (9, 2, 3)
    assert (piotroski_f(wide, before) == np.full((2, 3), 9.0)).all()


def test_a_ratio_over_nothing_or_less_is_unknown() -> None:
    found = ratio(np.array([1.0, 1.0, -1.0, np.nan]), np.array([2.0, 0.0, -1.0, 1.0]))
    assert found[0] == 0.5 and np.isnan(found[1:]).all()


# Altman 1968, table 1: the means of the ratios among firms that went bankrupt and firms that did not, in per cent but
# for the last, which is in times.
MEANS = {
    "bankrupt": (-6.1, -62.6, -31.8, 40.1, 1.5),
    "others": (41.4, 35.5, 15.4, 247.7, 1.9),
}


def z_of(working: float, retained: float, ebit: float, value: float, sales: float) -> float:
    """From per cents of assets of 200, and of liabilities of 80."""
    found = altman_z(
        working_capital=np.array(200.0 * working / 100.0),
        retained_earnings=np.array(200.0 * retained / 100.0),
        ebit=np.array(200.0 * ebit / 100.0),
        market_value=np.array(80.0 * value / 100.0),
        liabilities=np.array(80.0),
        revenue=np.array(200.0 * sales),
        assets=np.array(200.0),
    )
    return float(found)


@pytest.mark.parametrize("group", MEANS)
def test_z_equals_the_form_of_the_paper_in_per_cent(group: str) -> None:
    x1, x2, x3, x4, x5 = MEANS[group]
    wanted = 0.012 * x1 + 0.014 * x2 + 0.033 * x3 + 0.006 * x4 + 0.999 * x5
    assert z_of(*MEANS[group]) == pytest.approx(wanted, rel=1e-12)


def test_the_means_of_the_two_groups_fall_on_their_sides_of_the_grey_zone() -> None:
    assert z_of(*MEANS["bankrupt"]) < 1.81
    assert z_of(*MEANS["others"]) > 2.99


@pytest.mark.parametrize("part", ["working_capital", "retained_earnings", "ebit", "market_value", "revenue", "assets"])
def test_z_needs_every_part(part: str) -> None:
    parts = {"working_capital": 1.0, "retained_earnings": 1.0, "ebit": 1.0, "market_value": 1.0, "liabilities": 1.0}
    parts |= {"revenue": 1.0, "assets": 1.0}
    assert np.isnan(altman_z(**{name: np.array(value) for name, value in {**parts, part: np.nan}.items()}))
    assert altman_z(**{name: np.array(value) for name, value in parts.items()}) == pytest.approx(7.499)
    assert np.isnan(altman_z(**{name: np.array(value) for name, value in {**parts, "liabilities": 0.0}.items()}))
