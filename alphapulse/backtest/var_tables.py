"""Tables of VaR: what every method says of the next session, and how its forecasts did through a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd

from alphapulse.backtest.last_book import LastBook
from alphapulse.core.errors import AlphaPulseError, ParamsError, RiskError
from alphapulse.risk.copula import monte_carlo_var
from alphapulse.risk.var import METHODS, Tail, tail_risk, var_forecasts
from alphapulse.risk.var_tests import backtest_summary, traffic_light

RECENT = 250  # sessions that the Basel traffic light looks at
UNKNOWN = Tail(np.nan, np.nan)


def tail_table(returns: "pd.Series[float]", book: LastBook | None, level: float, seed: int) -> pd.DataFrame:
    """Return VaR and CVaR of the session after the last by every method; NaN where one cannot be fitted.

    record_var, record_cvar: from the run's own returns, behind which the book changed all the time. book_var,
    book_cvar: from what the last book would have returned over its estimate's window, and for monte_carlo from the
    returns of its assets. seed: of monte_carlo.
    """
    record: dict[str, Tail] = {}
    own: dict[str, Tail] = {}
    missed: dict[str, list[str]] = {"record": [], "book": []}

    def tail(whose: str, fit: Callable[..., Tail], *arguments: Any, **options: Any) -> Tail:
        try:
            return fit(*arguments, **options)
        except RiskError as error:
            missed[whose].append(error.came)
            return UNKNOWN

    for method in METHODS:
        record[method] = tail("record", tail_risk, returns, level, method)
    if book is not None and len(book.returns):
        for method in METHODS:
            own[method] = tail("book", tail_risk, book.returns, level, method)
        window = book.estimate.window
        own["monte_carlo"] = tail("book", monte_carlo_var, window, book.complete, level, seed=seed)
    rows = {
        method: (*vars(record.get(method, UNKNOWN)).values(), *vars(own.get(method, UNKNOWN)).values())
        for method in {**record, **own}
    }
    columns = ["record_var", "record_cvar", "book_var", "book_cvar"]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("method")
    table.attrs["notes"] = tuple(
        f"VaR of the {whose} is unknown by some methods: {_once(reasons)}"
        for whose, reasons in missed.items()
        if reasons
    )
    return table


def forecast_table(returns: "pd.Series[float]", level: float, window: int) -> pd.DataFrame:
    """Return out-of-sample forecasts by method and session: return (what came), var and cvar.

    window: sessions before a session that its forecast is made from. NaN where there is no loss to forecast, as after a
    whole window in cash. A method that cannot be fitted is left out and named in `attrs["notes"]`.
    """
    found: dict[str, pd.DataFrame] = {}
    missed: list[str] = []
    for method in METHODS:
        try:
            forecasts = var_forecasts(returns, level, method, window)
        except (ParamsError, RiskError) as error:
            missed.append(_named(str(method), error))
            continue
        losses = forecasts.where(forecasts["cvar"] < 0.0)
        if losses["var"].isna().all():
            missed.append(f"{method}: no session with a loss to forecast")
            continue
        found[method] = pd.concat([returns.rename("return"), losses], axis=1).iloc[window:]
    gaps = [
        f"{method} on {unknown} of {len(table)} sessions"
        for method, table in found.items()
        if (unknown := int(table["var"].isna().sum()))
    ]
    table = pd.concat(found, names=["method", "session"]) if found else pd.DataFrame()
    notes = [f"no VaR forecasts by some methods: {_once(missed)}"] if missed else []
    notes += [f"no VaR forecast where too little was held before: {', '.join(gaps)}"] if gaps else []
    table.attrs = {"notes": tuple(notes)}
    return table


def tests_of_forecasts(forecasts: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return every backtest of each method's forecasts, one method a row; empty without forecasts.

    Columns: share (of sessions that were exceptions), rows of `backtest_summary`, and of the last 250 sessions
    recent_exceptions and recent_zone.
    """
    rows, missed = {}, []
    for method, table in forecasts.groupby(level="method", sort=False) if len(forecasts) else ():
        table = table.droplevel("method")
        try:
            summary = backtest_summary(table["return"], table[["var", "cvar"]], level).to_dict()
        except RiskError as error:
            missed.append(_named(str(method), error))
            continue
        known = table.dropna()
        recent = traffic_light((known["return"] < known["var"]).to_numpy()[-RECENT:], level)
        rows[method] = {
            "share": summary["exceptions"] / summary["sessions"],
            **summary,
            "recent_exceptions": recent.exceptions,
            "recent_zone": recent.zone,
        }
    table = pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="method"))
    table.attrs["notes"] = (f"VaR is not tested for some methods: {_once(missed)}",) if missed else ()
    return table


def _named(method: str, error: AlphaPulseError) -> str:
    return error.came if error.came.startswith(method) else f"{method}: {error.came}"


def _once(reasons: Iterable[str]) -> str:
    return "; ".join(dict.fromkeys(reasons))
