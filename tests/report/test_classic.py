"""The classic pyfolio tear sheet, and that it leaves no trace."""

import warnings
from collections.abc import Callable

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import pytest

from alphapulse.backtest.result import BacktestResult
from alphapulse.core.errors import ParamsError
from alphapulse.core.market import MarketData
from alphapulse.report import classic


@pytest.fixture(scope="module")
def short(make_market: Callable[..., MarketData], make: Callable[..., BacktestResult]) -> BacktestResult:
    return make(make_market("2014-01-01", "2015-12-31"))


def test_three_sheets_and_no_trace(short: BacktestResult, capsys: pytest.CaptureFixture[str]) -> None:
    mine, other = plt.figure(), plt.figure()
    plt.figure(mine.number)
    settings = dict(mpl.rcParams)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        sheets = classic.classic_tearsheet(short)
    assert list(sheets) == ["returns", "positions", "transactions"]
    assert all(sheet.axes for sheet in sheets.values())
    assert plt.get_fignums() == [mine.number, other.number]
    assert plt.gcf() is mine
    assert dict(mpl.rcParams) == settings
    assert capsys.readouterr().out == ""
    first = sheets["returns"].axes[0]
    assert len(first.lines) >= 2  # the result and the index
    plt.close(mine)
    plt.close(other)


def test_what_pyfolio_is_handed(short: BacktestResult) -> None:
    held = classic.positions(short)
    assert str(held.index.tz) == "UTC"
    closing = short.equity.tz_localize("UTC").loc[held.index]
    assert (held.sum(axis=1) - closing).abs().max() / closing.max() < 1e-12
    traded = classic.transactions(short)
    assert list(traded.columns) == ["amount", "price", "symbol"]
    assert str(traded.index.tz) == "UTC"
    assert len(traded) == len(short.fills)


def test_without_pyfolio_the_extra_is_named(short: BacktestResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classic, "find_spec", lambda name: None)
    with pytest.raises(ParamsError, match=r"alphapulse\[classic\]"):
        classic.classic_tearsheet(short)
