"""The figures of a filing by name: what agents read, and what each is an amount of.

Flows are of the single quarter that ends with the row's `period_end`, not of the year to date and not of the year; a
10-K that states the year is taken apart before it comes here. Stocks are at the quarter's end. Amounts are in one
currency, `shares` in units, `..._per_share` and `eps_diluted` an amount a share, restated for splits up to the day the
filing became known.
"""

from __future__ import annotations

FLOWS = (
    *("revenue", "gross_profit", "operating_income", "net_income", "eps_diluted", "cfo", "cfi", "cff", "capex"),
    *("free_cash_flow", "dividends", "dividends_per_share"),
)
STOCKS = (
    *("assets", "current_assets", "current_liabilities", "liabilities", "equity", "retained_earnings", "cash", "debt"),
    "shares",
)
FIGURES = (*FLOWS, *STOCKS)
# Days between the ends of two quarters that follow each other; 52-week years move them by a week.
QUARTER_DAYS = (75, 110)
