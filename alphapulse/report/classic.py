"""The classic pyfolio tear sheet of a result, as matplotlib figures. Needs the extra `classic`.

pyfolio 0.10.1 wants UTC dates where positions and transactions are involved, and naive ones in the returns sheet,
where a drawdown that has not recovered otherwise mixes both and fails. Figures are drawn within a matplotlib context
of their own: the caller's settings, open figures and current figure are as they were before.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pandas as pd

from alphapulse.core.errors import ParamsError
from alphapulse.report.series import live_returns, live_sessions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alphapulse.backtest.result import BacktestResult


def classic_tearsheet(result: BacktestResult) -> "dict[str, Figure]":
    """Return pyfolio's returns, positions and transactions sheets as matplotlib figures by name.

    Counted from the first decision, against the index where it is known. Raises ParamsError when pyfolio is absent.
    """
    if find_spec("pyfolio") is None:
        raise ParamsError(
            "classic_tearsheet: pyfolio is not installed",
            "the extra `classic`, which brings pyfolio-reloaded and empyrical-reloaded",
            "pip install 'alphapulse[classic]', or use alphapulse.tearsheet, which needs nothing more",
        )
    lines = live_returns(result)
    benchmark = lines.iloc[:, 1] if lines.shape[1] > 1 else None
    returns = lines.iloc[:, 0].tz_localize("UTC")
    held, traded = positions(result), transactions(result)
    with _drawing():
        from pyfolio import tears

        sheets = {
            "returns": tears.create_returns_tear_sheet(lines.iloc[:, 0], benchmark_rets=benchmark, return_fig=True)
        }
        sheets["positions"] = tears.create_position_tear_sheet(
            returns, held, show_and_plot_top_pos=0, estimate_intraday=False, return_fig=True
        )
        if len(traded):
            sheets["transactions"] = tears.create_txn_tear_sheet(
                returns, held, traded, estimate_intraday=False, return_fig=True
            )
    return sheets


def positions(result: BacktestResult) -> pd.DataFrame:
    """Return position values and `cash` at each close after the first decision, in cash, indexed in UTC."""
    sessions = live_sessions(result)[1:]
    values = result.weights.loc[sessions].mul(result.equity.loc[sessions], axis=0)
    held = values.loc[:, (values != 0.0).any()]
    return held.assign(cash=result.cash.loc[sessions]).tz_localize("UTC")


def transactions(result: BacktestResult) -> pd.DataFrame:
    """Return fills as amount, price and symbol, indexed by session in UTC."""
    fills = result.fills
    table = pd.DataFrame({"amount": fills["quantity"], "price": fills["price"], "symbol": fills["asset"].astype(str)})
    return table.set_axis(pd.DatetimeIndex(fills["session"], name="date").tz_localize("UTC"), axis=0)


@contextmanager
def _drawing() -> Iterator[None]:
    """Keep what pyfolio prints, warns of and changes in matplotlib from leaking; figures made inside leave pyplot."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt
    from IPython.utils.capture import capture_output

    before = plt.get_fignums()
    current = plt.gcf().number if before else None
    with warnings.catch_warnings(), mpl.rc_context({"interactive": False}), capture_output():
        warnings.filterwarnings("ignore", message=r'Module "zipline\.assets" not found', category=UserWarning)
        for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
            warnings.simplefilter("ignore", category)
        try:
            yield
        finally:
            for made in set(plt.get_fignums()) - set(before):
                plt.close(made)
            if current is not None:
                plt.figure(current)
