"""What happens to bad market data: each case is accepted, repaired and reported, or refused with teaching words.

A case makes its files from a sound folder of two assets and ten sessions. `report` names the check that must count it,
`refused` the words the message must hold; a case with neither is accepted as it is.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from alphapulse.core.errors import AlphaPulseError, DataError
from alphapulse.core.market import MarketData
from alphapulse.data.calendar import sessions_between
from alphapulse.data.folder import load

SESSIONS = sessions_between("2015-06-22", "2015-07-06")  # ten sessions; 2015-07-03 is a holiday
DAY = SESSIONS[4].strftime("%Y-%m-%d")


def sound() -> pd.DataFrame:
    """Twenty sound rows as a user types them: dates are text."""
    rows = []
    for asset, level in (("AAPL", 126.0), ("XOM", 84.0)):
        for place, session in enumerate(SESSIONS):
            close = round(level * (1.0 + 0.002 * place), 2)
            rows.append((session.strftime("%Y-%m-%d"), asset, close, close + 1, close - 1, close, 1000.0, 0.0, 1.0))
    names = ["session", "asset", "open", "high", "low", "close", "volume", "dividend", "split"]
    return pd.DataFrame(rows, columns=names)


def cell(column: str, value: object, asset: str = "AAPL") -> Callable[[Path], None]:
    """Make a CSV with one cell changed, on DAY."""

    def make(folder: Path) -> None:
        rows = sound().astype({column: object})
        rows.loc[(rows["asset"] == asset) & (rows["session"] == DAY), column] = value
        rows.to_csv(folder / "prices.csv", index=False)

    return make


def rows(change: Callable[[pd.DataFrame], pd.DataFrame], kind: str = "csv") -> Callable[[Path], None]:
    """Make prices with the rows changed."""

    def make(folder: Path) -> None:
        changed = change(sound())
        if kind == "csv":
            changed.to_csv(folder / "prices.csv", index=False)
        else:
            changed.to_parquet(folder / "prices.parquet")

    return make


def table(name: str, **columns: list[object]) -> Callable[[Path], None]:
    """Make sound prices and one more table."""

    def make(folder: Path) -> None:
        sound().to_csv(folder / "prices.csv", index=False)
        pd.DataFrame(columns).to_csv(folder / f"{name}.csv", index=False)

    return make


def parquet_table(name: str, known: pd.Timestamp) -> Callable[[Path], None]:
    """Make sound prices and one filing in Parquet, with `known` as it stands."""

    def make(folder: Path) -> None:
        sound().to_csv(folder / "prices.csv", index=False)
        filing = {"asset": ["AAPL"], "period_end": [pd.Timestamp("2015-03-31")], "known": [known], "net_income": [1.0]}
        pd.DataFrame(filing).to_parquet(folder / f"{name}.parquet")

    return make


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    """Make a file with this content."""

    def make(folder: Path) -> None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    return make


def truncated(folder: Path) -> None:
    sound().to_parquet(folder / "prices.parquet")
    whole = (folder / "prices.parquet").read_bytes()
    (folder / "prices.parquet").write_bytes(whole[: len(whole) // 2])


def both_formats(folder: Path) -> None:
    sound().to_csv(folder / "prices.csv", index=False)
    sound().to_parquet(folder / "prices.parquet")


def unreadable_rows(folder: Path) -> None:
    lines = sound().to_csv(index=False).splitlines()
    (folder / "prices.csv").write_text("\n".join([*lines[:3], lines[3] + ",7,8", *lines[4:]]))


class Bomb:
    """An object that would write a file when unpickled."""

    def __reduce__(self):
        return (Path("exploded").touch, ())


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[Path], None]
    report: str = ""
    refused: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    path: str = "."


def with_zone(zone: str) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda frame: frame.assign(session=frame["session"] + f" 00:00:00{zone}")


CASES = [
    # values of prices
    Case("close empty", cell("close", ""), report="missing price inside an asset's life"),
    Case("close NaN", cell("close", "NaN"), report="missing price inside an asset's life"),
    Case("close infinite", cell("close", "inf"), report="infinite value"),
    Case("close zero", cell("close", 0), report="zero or negative price"),
    Case("close negative", cell("close", -126.0), report="zero or negative price"),
    Case("close 1e300", cell("close", "1e300"), report="price outside 1e-06 to 1e+09"),
    Case("close subnormal", cell("close", "5e-324"), report="price outside 1e-06 to 1e+09"),
    Case("close overflows to infinity", cell("close", "1e999"), report="infinite value"),
    Case(
        "close is text", cell("close", "n.a."), refused=("prices.csv", "column close", "row 5", "'n.a.'", DAY, "AAPL")
    ),
    Case("close with thousands", cell("close", "1,260.5"), refused=("column close", "row 5", "'1,260.5'")),
    Case("open is a formula", cell("open", "=1+1"), refused=("column open", "row 5", "'=1+1'")),
    Case("close doubled for a day", cell("close", 252.0), report="spike that reverts the next session"),
    Case("high far below low", cell("high", 100.0), report="high below low"),
    Case(
        "high and low swapped",
        rows(lambda f: f.rename(columns={"high": "low", "low": "high"})),
        report="high below low",
    ),
    Case("close outside the bar", cell("close", 130.0), report="close outside the bar"),
    Case("open outside the bar", cell("open", 130.0), report="open outside the bar"),
    Case("volume negative", cell("volume", -1), report="negative volume"),
    Case("volume zero", cell("volume", 0), report="price without volume"),
    Case("volume absent", rows(lambda f: f.drop(columns="volume"))),
    Case("split of zero", cell("split", 0), report="split outside 1/1000 to 1000"),
    Case("split negative", cell("split", -2), report="split outside 1/1000 to 1000"),
    Case("split that prices do not show", cell("split", 4), report="split that the price does not show"),
    Case("dividend above the price", cell("dividend", 500), report="dividend not below the price before it"),
    Case("dividend negative", cell("dividend", -1), report="negative dividend"),
    # rows
    Case("rows unsorted", rows(lambda f: f.sample(frac=1.0, random_state=1)), report="rows out of order"),
    Case("rows sorted by session", rows(lambda f: f.sort_values(["session", "asset"]))),
    Case("row twice", rows(lambda f: pd.concat([f, f.iloc[[4]]])), report="price row given twice (the last counts)"),
    Case("whole file twice", rows(lambda f: pd.concat([f, f])), report="price row given twice (the last counts)"),
    Case("row on a holiday", cell("session", "2015-07-03"), report="price row on a day without trading"),
    Case("row on a Sunday", cell("session", "2015-06-28"), report="price row on a day without trading"),
    Case("session without rows", rows(lambda f: f[f["session"] != DAY]), report="session without any price"),
    Case("one row", rows(lambda f: f.head(1))),
    Case("one asset", rows(lambda f: f[f["asset"] == "AAPL"])),
    Case("no row", rows(lambda f: f.head(0)), refused=("prices.csv", "no row")),
    Case(
        "asset without any price",
        rows(lambda f: f.assign(close=f["close"].where(f["asset"] == "XOM"))),
        report="asset without a price",
    ),
    Case("no price at all", rows(lambda f: f.assign(close=np.nan)), refused=("no asset has a price", "2015-06-22")),
    Case(
        "asset at a constant price",
        rows(lambda f: f.assign(**dict.fromkeys(["open", "high", "low", "close"], 50.0), volume=0.0)),
        report="price without volume",
    ),
    Case(
        "only weekends",
        rows(lambda f: f.assign(session="2015-06-27")),
        refused=("no price lies on a session", "2015-06-27"),
    ),
    # dates
    Case("date not a date", cell("session", "soon"), refused=("column session", "row 5", "'soon'")),
    Case("date in another order", cell("session", "06/26/2015"), refused=("column session", "row 5", "ISO")),
    Case(
        "date that does not exist", cell("session", "2015-02-30"), refused=("column session", "row 5", "'2015-02-30'")
    ),
    Case("date empty", cell("session", ""), refused=("column session", "row 5", "nothing")),
    Case("date beyond the calendar", cell("session", "1815-06-18"), refused=("1815-06-18", "1960-01-01")),
    Case("dates with one zone", rows(with_zone("-04:00"))),
    Case(
        "dates in summer and winter time",
        rows(
            lambda f: f.assign(
                session=[s + (" 00:00:00-05:00" if i % 2 else " 00:00:00-04:00") for i, s in enumerate(f["session"])]
            )
        ),
    ),
    Case(
        "dates in mixed zones",
        rows(
            lambda f: f.assign(
                session=[s + (" 00:00:00+00:00" if i % 2 else " 00:00:00-04:00") for i, s in enumerate(f["session"])]
            )
        ),
        refused=("mixed time zones", "+00:00", "-04:00"),
    ),
    Case("dates with a clock", cell("session", f"{DAY} 16:00:00"), refused=("column session", "row 5", "16:00:00")),
    Case(
        "Parquet dates in New York time",
        rows(lambda f: f.assign(session=pd.to_datetime(f["session"]).dt.tz_localize("America/New_York")), "parquet"),
    ),
    Case(
        "Parquet times in UTC",
        rows(
            lambda f: f.assign(
                session=pd.to_datetime(f["session"]).dt.tz_localize("America/New_York").dt.tz_convert("UTC")
            ),
            "parquet",
        ),
        refused=("column session", "row 1", "04:00:00"),
    ),
    Case(
        "Parquet dates of day type",
        rows(lambda f: f.assign(session=pd.to_datetime(f["session"]).dt.date), "parquet"),
    ),
    Case(
        "Parquet filing with a naive date",
        parquet_table("fundamentals", known=pd.Timestamp("2015-06-24")),
    ),
    Case(
        "Parquet filing with a naive clock",
        parquet_table("fundamentals", known=pd.Timestamp("2015-06-24 16:30")),
        refused=("fundamentals.parquet", "column known", "row 1", "without a zone"),
    ),
    Case(
        "Parquet filing with a zoned time",
        parquet_table("fundamentals", known=pd.Timestamp("2015-06-24 16:30", tz="America/New_York")),
    ),
    # columns and labels
    Case("column missing", rows(lambda f: f.drop(columns="close")), refused=("prices.csv", "no column close")),
    Case(
        "column misspelt",
        rows(lambda f: f.rename(columns={"close": "closing"})),
        refused=("no column close", "did you mean 'closing'"),
    ),
    Case(
        "column twice",
        text("prices.csv", "session,asset,close,close\n2015-06-22,AAPL,1,2\n"),
        refused=("column close stands twice",),
    ),
    Case("column unknown", rows(lambda f: f.rename(columns={"volume": "volumn"})), report="column of prices not used"),
    Case(
        "column Date capitalised",
        rows(lambda f: f.rename(columns={"session": "Date"})),
        refused=("no column session", "Date"),
    ),
    Case("ticker NA", rows(lambda f: f.assign(asset=f["asset"].replace("XOM", "NA")))),
    Case("ticker nan", rows(lambda f: f.assign(asset=f["asset"].replace("XOM", "nan")))),
    Case("ticker with blanks", rows(lambda f: f.assign(asset=" " + f["asset"] + " "))),
    Case("ticker empty", cell("asset", ""), refused=("column asset", "row 5")),
    Case("ticker a number", rows(lambda f: f.assign(asset=f["asset"].map({"AAPL": 600519, "XOM": 1})), "parquet")),
    Case("ticker a float", rows(lambda f: f.assign(asset=1.5), "parquet"), refused=("column asset", "row 1", "1.5")),
    Case("ticker a path", rows(lambda f: f.assign(asset=f["asset"].replace("XOM", "../../etc/passwd")))),
    Case(
        "close True or False",
        rows(lambda f: f.assign(close=True), "parquet"),
        refused=("column close", "row 1", "True"),
    ),
    # files
    Case("folder missing", lambda folder: None, refused=("does not exist",), path="nowhere"),
    Case("folder is a file", text("thing", "x"), refused=("is a file",), path="thing"),
    Case("folder empty", lambda folder: None, refused=("no prices", "it is empty")),
    Case("prices misnamed", text("price.csv", "x"), refused=("no prices", "did you mean 'price'")),
    Case("prices folder empty", lambda folder: (folder / "prices").mkdir(), refused=("no Parquet or CSV file",)),
    Case("prices in both formats", both_formats, refused=("prices.csv and in prices.parquet",)),
    Case("Parquet truncated", truncated, refused=("prices.parquet", "cannot be read as Parquet")),
    Case("Parquet is text", text("prices.parquet", "session,asset,close\n"), refused=("cannot be read as Parquet",)),
    Case("Parquet is a pickle", text("prices.parquet", pickle.dumps(Bomb())), refused=("cannot be read as Parquet",)),
    Case("Parquet is empty", text("prices.parquet", b""), refused=("cannot be read as Parquet",)),
    Case("CSV is empty", text("prices.csv", ""), refused=("prices.csv", "cannot be read as CSV")),
    Case(
        "CSV is Parquet", lambda folder: sound().to_parquet(folder / "prices.csv"), refused=("cannot be read as CSV",)
    ),
    Case(
        "CSV in another encoding",
        text("prices.csv", "session,asset,close\n2015-06-22,Nestl\xe9,1\n".encode("latin-1")),
        refused=("cannot be read as CSV",),
    ),
    Case("CSV with a byte order mark", text("prices.csv", "\ufeffsession,asset,close\n2015-06-22,AAPL,1\n")),
    Case("CSV row too long", unreadable_rows, refused=("cannot be read as CSV", "line 4")),
    Case(
        "CSV rows longer than the header",
        text("prices.csv", "session,asset,close\n2015-06-22,AAPL,1,2\n"),
        refused=("more cells than its header",),
    ),
    Case(
        "CSV with other separators",
        text("prices.csv", "session;asset;close\n2015-06-22;AAPL;1\n"),
        refused=("no column session",),
    ),
    # other tables
    Case(
        "members never priced",
        table("membership", asset=["AAPL", "GONE"], start=["2000-01-03"] * 2, end=["", ""]),
        report="member not among the assets",
    ),
    Case(
        "membership without start",
        table("membership", asset=["AAPL"], start=[""], end=[""]),
        refused=("membership.csv", "column start", "row 1"),
    ),
    Case(
        "membership ends before it starts",
        table("membership", asset=["AAPL", "XOM"], start=["2015-06-30", "2000-01-03"], end=["2015-06-01", ""]),
    ),
    Case(
        "filing without knowledge time",
        table("fundamentals", asset=["AAPL"], period_end=["2015-03-31"], known=[""], net_income=[1.0]),
        refused=("fundamentals.csv", "column known", "row 1"),
    ),
    Case(
        "filing without the column known",
        table("fundamentals", asset=["AAPL"], period_end=["2015-03-31"], net_income=[1.0]),
        refused=("no column known",),
    ),
    Case(
        "filing with a naive clock",
        table(
            "fundamentals", asset=["AAPL"], period_end=["2015-03-31"], known=["2015-06-24 16:30:00"], net_income=[1.0]
        ),
        refused=("column known", "row 1", "with its zone"),
    ),
    Case(
        "filing known before the start",
        table("fundamentals", asset=["AAPL"], period_end=["2015-03-31"], known=["2015-05-01"], net_income=[1.0]),
    ),
    Case(
        "filing known after the end",
        table("fundamentals", asset=["AAPL"], period_end=["2015-03-31"], known=["2030-05-01"], net_income=[1.0]),
    ),
    Case(
        "filing of another asset",
        table("fundamentals", asset=["GONE"], period_end=["2015-03-31"], known=["2015-05-01"], net_income=[1.0]),
        report="fundamentals about other assets",
    ),
    Case(
        "figure is text",
        table("fundamentals", asset=["AAPL"], period_end=["2015-03-31"], known=["2015-05-01"], net_income=["lots"]),
        refused=("column net_income", "row 1", "'lots'", "AAPL"),
    ),
    Case(
        "headline without text",
        table("news", asset=["AAPL", "AAPL"], headline=["", "profit rises"], known=["2015-03-24", "2015-03-24"]),
        report="headline without text",
    ),
    Case(
        "figure by another name",
        table("fundamentals", asset=["AAPL"], period_end=["2014-12-31"], known=["2015-03-24"], NetIncome=[1.0]),
        report="figure that no agent reads",
    ),
    Case(
        "filings of a year each",
        table(
            "fundamentals",
            asset=["AAPL", "AAPL"],
            period_end=["2013-12-31", "2014-12-31"],
            known=["2014-03-24", "2015-03-24"],
            net_income=[1.0, 2.0],
        ),
        report="filings more than two quarters apart: flows must be of a quarter",
    ),
    Case(
        "filings of one moment that differ",
        table(
            "fundamentals",
            asset=["AAPL", "AAPL"],
            period_end=["2014-12-31", "2014-12-31"],
            known=["2015-03-24", "2015-03-24"],
            net_income=[1.0, 2.0],
        ),
        report="filings of one moment that differ (the last counts)",
    ),
    Case(
        "headline known at an unknown time",
        table("news", asset=["AAPL"], headline=["x"], known=["yesterday"]),
        refused=("news.csv", "column known", "'yesterday'"),
    ),
    Case(
        "macro value is text",
        table("macro", series=["cpi"], value=["."], known=["2015-06-24"]),
        refused=("macro.csv", "column value", "cpi"),
    ),
    Case(
        "benchmark with a zero",
        table("benchmark", session=[s.strftime("%Y-%m-%d") for s in SESSIONS], value=[0.0] + [2100.0] * 9),
        report="session without a benchmark level above zero",
    ),
    Case(
        "benchmark session twice",
        table("benchmark", session=[DAY, DAY], value=[1.0, 2.0]),
        report="benchmark rows twice",
    ),
    Case(
        "asset without a sector", table("sectors", asset=["AAPL"], sector=["Energy"]), report="asset without a sector"
    ),
    Case(
        "prices after a delisting",
        table("delistings", asset=["XOM"], last_session=[DAY]),
        report="price row after the delisting",
    ),
    Case("delisting of an unknown asset", table("delistings", asset=["GONE"], last_session=[DAY])),
    # options
    Case(
        "start after end",
        rows(lambda f: f),
        refused=("start 2015-07-01 lies after end 2015-06-30",),
        options={"start": "2015-07-01", "end": "2015-06-30"},
    ),
    Case("start is no date", rows(lambda f: f), refused=("start", "'monday'"), options={"start": "monday"}),
    Case(
        "dates without data", rows(lambda f: f), refused=("no session", "2015-06-22"), options={"start": "2019-01-01"}
    ),
    Case(
        "unknown asset asked for",
        rows(lambda f: f),
        refused=("'APPL'", "did you mean 'AAPL'"),
        options={"assets": ["APPL"]},
    ),
    Case("no asset asked for", rows(lambda f: f), refused=("assets=[]",), options={"assets": []}),
    Case("a single text as assets", rows(lambda f: f), refused=("assets='AAPL'", "list"), options={"assets": "AAPL"}),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_bad_data_has_one_documented_outcome(case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "data"
    folder.mkdir()
    case.make(folder)
    target = folder / case.path
    if case.refused:
        with pytest.raises(AlphaPulseError) as caught:
            load(target, **case.options)
        message = str(caught.value)
        assert all(words in message for words in case.refused), message
        assert "accepted:" in message
        assert "next:" in message
        assert not (tmp_path / "exploded").exists()
        return
    market = load(target, **case.options)
    counted = market.quality.loc[market.quality["count"] > 0].set_index("check")["action"]
    if case.report:
        assert counted[case.report] in {"flagged", "repaired", "dropped"}
    else:
        assert counted.empty
    for name in ("open", "high", "low", "close"):
        if name in market:
            values = market.panel(name).to_numpy()
            assert (np.isnan(values) | ((values > 0.0) & np.isfinite(values))).all()
    assert np.isfinite(market.panel("total_return").to_numpy()[market.panel("close").notna().to_numpy()]).all()


def test_the_catalogue_is_long_and_each_case_is_named_once() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names)) >= 90


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda close: close.iloc[::-1], "after a later session"),
        (lambda close: close.iloc[[0, 0]], "twice"),
        (lambda close: close.tz_localize("UTC"), "time zone"),
        (lambda close: close.set_axis(close.index + pd.Timedelta(hours=16)), "time of day"),
        (lambda close: close.set_axis(["A", "A"], axis=1), "twice"),
        (lambda close: close.set_axis(["B", "A"], axis=1), "not in order"),
        (lambda close: close.set_axis([1, 2], axis=1), "text labels"),
        (lambda close: close.mask(close > 0, -1.0), "above zero|price -1"),
        (lambda close: close.mask(close > 0, np.inf), "inf"),
        (lambda close: close.iloc[:0], "0 sessions"),
    ],
)
def test_a_market_built_by_hand_is_checked_as_well(change, words) -> None:
    close = pd.DataFrame(10.0, index=SESSIONS, columns=["A", "B"])
    with pytest.raises(DataError, match=words):
        MarketData(panels={"close": change(close)})
