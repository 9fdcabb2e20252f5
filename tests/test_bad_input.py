"""A catalogue of bad input: each case has one outcome, and a refusal says what came, what is accepted and what next.

Cases about market data stand in `data/test_bad_input_data.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse import cli
from alphapulse.core.errors import ExecutionError


@dataclass(frozen=True)
class Case:
    """words: parts of the message for "refused"; nothing for "accepted" and "repaired", where `check` is asked."""

    name: str
    make: Any
    outcome: str
    words: tuple[str, ...] = ()
    check: Callable[[Any], bool] = lambda made: True

    def __repr__(self) -> str:
        return self.name


def refused(name: str, make: Any, *words: str) -> Case:
    return Case(name, make, "refused", words)


def accepted(name: str, make: Any, check: Callable[[Any], bool]) -> Case:
    return Case(name, make, "accepted", check=check)


def repaired(name: str, make: Any, check: Callable[[Any], bool]) -> Case:
    return Case(name, make, "repaired", check=check)


def teaches(error: ap.AlphaPulseError, words: tuple[str, ...]) -> None:
    """Assert that the message holds its three parts and the words."""
    assert error.came.strip() and error.accepted.strip() and error.next_step.strip()
    assert len(str(error)) < 2_000
    missing = [word for word in words if word not in str(error)]
    assert not missing, f"{missing} not in: {error}"


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def folder(path: Path) -> None:
    path.mkdir()


FILES = [
    refused("unknown key at the top", "portfollio: {}", "unknown key portfollio", "did you mean portfolio?"),
    refused("unknown key inside", "execution: {costs: {spread_bsp: 5}}", "execution.costs.spread_bsp", "spread_bps?"),
    refused("unknown key, none near", "zzz: 1", "unknown key zzz", "keys name, data, agents"),
    refused("two faults at once", "zzz: 1\nportfolio: {lookback: x}", "zzz", "portfolio.lookback"),
    refused("text for a whole number", "portfolio: {lookback: long}", "portfolio.lookback = 'long'", "valid integer"),
    refused("fraction for a whole number", "portfolio: {lookback: 63.5}", "portfolio.lookback = 63.5", "valid integer"),
    refused("truth for a number", "execution: {capital: true}", "execution.capital = True", "valid number"),
    refused("number for truth", "execution: {leverage: 1}", "execution.leverage = 1", "valid boolean"),
    refused("yes for true", "execution: {carry: yes}", "execution.carry = 'yes'", "valid boolean"),
    refused("list for a section", "portfolio: [min_variance]", "portfolio = ['min_variance']", "dictionary"),
    refused("nothing for a section", "sizing:", "sizing = None", "dictionary"),
    refused("per cent", "sizing: {volatility_target_ann: 10%}", "sizing.volatility_target_ann", "0.02 for 2 %"),
    refused("basis points in words", "execution: {costs: {spread_bps: 5bp}}", "spread_bps = '5bp'", "5 for 5 bps"),
    refused("capital with commas", 'execution: {capital: "10,000,000"}', "execution.capital", "plain number"),
    refused("NaN", "execution: {capital: .nan}", "execution: capital = nan", "finite"),
    refused("infinity", "sizing: {max_gross: .inf}", "sizing: max_gross = inf", "finite"),
    refused("overflow", "execution: {capital: 1e999}", "execution: capital = inf", "finite"),
    refused("endless digits", f"execution: {{capital: {'9' * 5000}}}", "valid YAML"),
    refused("a key twice", "name: a\nname: b", "line 2", "'name' twice"),
    refused("a key twice inside", "risk: {max_gross: {gross: 1}, max_gross: {gross: 2}}", "'max_gross' twice"),
    refused("alias", "name: &n run\ndata: {name: *n}", "line 2", "an alias"),
    refused("billion laughs", LAUGHS, "an alias"),
    refused("python object", "name: !!python/object/apply:os.system [echo hi]", "line 1", "python/object/apply"),
    refused("python name", "data: {name: !!python/name:os.system }", "python/name"),
    refused("a tag of its own", "name: !env HOME", "line 1", "!env"),
    refused("binary", "data: {name: !!binary aGk=}", "data: name", "bytes"),
    refused("a set", "data: {assets: !!set {KO, PEP}}", "data: assets", "set"),
    refused("time of day", "data: {start: !!timestamp 2018-01-01T10:00:00}", "data: start", "without a time of day"),
    refused("broken bracket", "portfolio: {lookback: 63", "line 1", "valid YAML"),
    refused("tab as indent", "portfolio:\n\tlookback: 63", "line 2", "valid YAML"),
    refused("two documents", "name: a\n---\nname: b", "valid YAML"),
    refused("brackets without end", "[" * 100_000, "valid YAML"),
    refused("sign that is no text", "name: a\x00b", "special characters"),
    refused("empty file", "", "is empty", "a mapping with the keys"),
    refused("comments only", "# nothing yet\n", "is empty", "params/sample.yaml"),
    refused("a list", "- name: run", "holds a list", "a mapping"),
    refused("a word", "sample", "holds a str", "a mapping"),
    refused("huge file", "name: run # " + "x" * 1_000_000, "1,000,012 bytes", "at most"),
    refused("missing file", None, "does not exist", "other.yaml"),
    refused("a folder", folder, "is a folder"),
    refused("not UTF-8", "name: caf\xe9".encode("latin-1"), "utf-8", "save it as UTF-8"),
    refused("path in the name", "name: ../../etc/passwd", "name = '../../etc/passwd'", "letters, digits"),
    refused("absolute path in the name", "name: /tmp/x", "letters, digits"),
    refused("line break in the name", 'name: "run\\n"', "letters, digits"),
    refused("hidden name", "name: .partial-x", "letters, digits"),
    refused("long name", f"name: {'a' * 41}", "at most 40"),
    refused("code in a key", 'data: {\'x": __import__("os").system("id"), "y\': 1}', "data: the key", "rename the key"),
    refused("dash in a key", "risk: {max-position: {weight: 0.1}}", "'max-position'", "max_position, not max-position"),
    refused("number as a key", "risk: {1: {weight: 0.1}}", "risk: the key 1", "rename"),
    refused("list as a key", "? [a, b]\n: 1", "unhashable key"),
    refused("negative costs", "execution: {costs: {commission_bps: -1}}", "commission_bps = -1", "from 0"),
    refused("costs as a fraction too large", "execution: {costs: {spread_bps: 5000}}", "spread_bps = 5000", "to 1000"),
    refused(
        "volatility target in per cent", "sizing: {volatility_target_ann: 12}", "volatility_target_ann = 12", "0.10"
    ),
    refused("share above one", "portfolio: {select: 50}", "portfolio: select = 50", "0.10, not 10"),
    refused("lookback of one", "portfolio: {lookback: 1}", "portfolio: lookback = 1", "from 2"),
    refused("negative capital", "execution: {capital: -5}", "execution: capital = -5", "above 0"),
    refused("no capital", "execution: {capital: 0}", "execution: capital = 0", "above 0"),
    refused("participation above one", "execution: {participation: 5}", "participation = 5", "to 1"),
    refused(
        "gross without leverage", "sizing: {max_gross: 2.0}", "max_gross = 2.0 without leverage", "leverage = true"
    ),
    refused("unknown allocator", "portfolio: {allocator: min_varaince}", "min_varaince", "did you mean min_variance?"),
    refused("unknown agent", "agents: {use: {tecnical: {}}}", "tecnical", "did you mean technical?"),
    refused("unknown limit", "risk: {max_postion: {}}", "max_postion", "did you mean max_position?"),
    refused("unknown rebalance", "portfolio: {rebalance: montly}", "montly", "did you mean monthly?"),
    refused("unknown fill", "execution: {fill: next_opn}", "next_opn", "did you mean next_open?"),
    refused("unknown covariance", "portfolio: {covariance: ledoit}", "ledoit", "one of"),
    refused("unknown mean", "portfolio: {mean: hist}", "'hist'", "one of"),
    refused("unknown weighting", "agents: {weighting: equl}", "equl", "did you mean equal?"),
    refused("unknown option of a limit", "risk: {max_position: {wieght: 0.1}}", "limit max_position", "wieght"),
    refused("unknown option of an allocator", "portfolio: {options: {x: 1}}", "allocator min_variance", "'x'"),
    refused("unknown evidence", "agents: {use: {value: {reversall: 5}}}", "reversall", "long_run_reversal"),
    refused("no agent", "agents: {use: {}}", "agents.use = {}", "at least 1"),
    refused("limit of nothing", "risk: {max_position: {weight: 0}}", "max_position: weight = 0", "above 0"),
    refused("start above limit", "risk: {max_drawdown: {limit: 0.1, start: 0.2}}", "start = 0.2", "start below limit"),
    repaired("a date without quotes", "data: {start: 2018-01-01}", lambda run: run["data"]["start"] == "2018-01-01"),
    repaired("a whole number for a decimal", "execution: {capital: 5}", lambda run: run["execution"]["capital"] == 5.0),
    accepted(
        "tickers like truth values", "data: {assets: [ON, NO]}", lambda run: run["data"]["assets"] == ["ON", "NO"]
    ),
    accepted("an exponent", "execution: {capital: 1e7}", lambda run: run["execution"]["capital"] == 1e7),
    accepted("an empty mapping", "{}", lambda run: run["name"] == "run"),
    accepted("a byte order mark", "\ufeffname: marked", lambda run: run["name"] == "marked"),
    accepted(
        "Windows line ends", "name: a\r\nsizing: {max_gross: 0.5}\r\n", lambda run: run["sizing"]["max_gross"] == 0.5
    ),
    accepted("leverage asked for", "sizing: {max_gross: 2.0}\nexecution: {leverage: true}", lambda run: True),
]


def written(tmp_path: Path, make: Any) -> Path:
    path = tmp_path / "run.yaml"
    (tmp_path / "other.yaml").write_text("name: other\n", encoding="utf-8")
    if callable(make):
        make(path)
    elif isinstance(make, bytes):
        path.write_bytes(make)
    elif make is not None:
        path.write_bytes(make.encode("utf-8"))
    return path


@pytest.mark.parametrize("case", FILES, ids=repr)
def test_parameter_file(case: Case, tmp_path: Path) -> None:
    path = written(tmp_path, case.make)
    if case.outcome == "refused":
        with pytest.raises(ap.AlphaPulseError) as caught:
            ap.Strategy.from_params(ap.load_params(path))
        teaches(caught.value, case.words)
    else:
        run = ap.load_params(path)
        assert ap.Strategy.from_params(run).described()["portfolio"]["lookback"] == run["portfolio"]["lookback"]
        assert case.check(run)


@pytest.mark.parametrize("case", [case for case in FILES if case.outcome == "refused"], ids=repr)
def test_command_line_refuses_it_in_words(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = tmp_path / "runs"
    monkeypatch.setattr("sys.argv", ["alphapulse", "backtest", str(written(tmp_path, case.make)), "--runs", str(runs)])
    with pytest.raises(SystemExit) as stop:
        cli.main()
    shown = capsys.readouterr()
    assert stop.value.code == 2
    assert shown.err.startswith("error: ") and "accepted:" in shown.err and "next:" in shown.err
    assert "Traceback" not in shown.err + shown.out
    assert not runs.exists()


SESSIONS = pd.bdate_range("2020-01-06", periods=10)
ASSETS = pd.Index(["AA", "BB", "CC"])
HALF = [0.5, 0.3, 0.1]


def market() -> ap.MarketData:
    close = pd.DataFrame(100.0 + np.arange(30.0).reshape(10, 3) % 7, SESSIONS, ASSETS)
    return ap.MarketData({"close": close})


def rows(values: Any = (HALF, HALF), index: Any = SESSIONS[[1, 4]], columns: Any = ASSETS) -> pd.DataFrame:
    return pd.DataFrame(list(values), index, columns)


def trade(weights: Any = None, **options: Any) -> Callable[[], ap.BacktestResult]:
    return lambda: ap.backtest_weights(market(), rows() if weights is None else weights, **options)


def single(sessions: int, assets: int) -> Callable[[], ap.BacktestResult]:
    def run() -> ap.BacktestResult:
        part = ap.MarketData({"close": market().panel("close").iloc[:sessions, :assets]})
        return ap.backtest_weights(part, pd.DataFrame(1.0 / assets, part.sessions[:1], part.assets))

    return run


def stops(values: Any, **axes: Any) -> Callable[[], ap.BacktestResult]:
    return trade(stops=rows(values, **axes))


def untraded(result: ap.BacktestResult) -> bool:
    return result.fills.empty and (result.equity == 10_000_000.0).all()


INF, NAN = np.inf, np.nan
TWICE = SESSIONS[[1, 1]]
WEIGHTS = [
    accepted("a row of NaN keeps all", trade(rows([HALF, [NAN] * 3])), lambda result: len(result.fills) == 3),
    accepted("NaN on the first row buys nothing", trade(rows([[NAN] * 3], SESSIONS[:1])), untraded),
    accepted("NaN for one asset keeps it", trade(rows([HALF, [NAN, 0, 0]])), lambda result: len(result.fills) == 5),
    accepted(
        "an absent column is zero", trade(rows([[0.5]], SESSIONS[:1], ["BB"])), lambda r: r.weights["AA"].eq(0).all()
    ),
    accepted(
        "columns in another order",
        trade(rows(columns=["CC", "AA", "BB"])),
        lambda r: 0.2 < r.weights["AA"].iloc[-1] < 0.4,
    ),
    accepted("no rows", trade(rows([], SESSIONS[:0])), untraded),
    accepted("no columns", trade(pd.DataFrame(index=SESSIONS[:1])), untraded),
    accepted("a decision at the last session", trade(rows([HALF], SESSIONS[-1:])), untraded),
    accepted("one asset", single(10, 1), lambda result: len(result.fills) == 1),
    accepted("one session", single(1, 3), untraded),
    accepted("two sessions", single(2, 3), lambda result: len(result.fills) == 3),
    accepted("short", trade(rows([[0.4, -0.4, 0.0]], SESSIONS[:1])), lambda result: result.weights["BB"].iloc[-1] < 0),
    accepted("whole numbers", trade(rows([[1, 0, 0]], SESSIONS[:1])), lambda result: len(result.fills) == 1),
    accepted("a rounding above one", trade(rows([[0.1 + 0.2, 0.7, 0.0]], SESSIONS[:1])), lambda r: len(r.fills) == 2),
    refused("infinity", trade(rows([HALF, [INF, 0, 0]])), "weights: ", "on 2020-01-10 for AA", "finite"),
    refused("minus infinity", trade(rows([[0, 0, -INF], HALF])), "weights: ", "on 2020-01-07 for CC"),
    refused("gross above one", trade(rows([HALF, [0.9, 0.9, 0]])), "gross 1.8 on 2020-01-10", "leverage=True"),
    refused("gross above one by shorts", trade(rows([[0.9, -0.9, 0], HALF])), "gross 1.8 on 2020-01-07"),
    refused("per cent as weights", trade(rows([[50, 30, 20], HALF])), "gross 100 on 2020-01-07"),
    refused("unknown asset", trade(rows(columns=["AA", "BB", "CCC"])), "'CCC'", "nearest: CC"),
    refused("number as an asset", trade(rows(columns=[0, 1, 2])), "is not in this market"),
    refused("an asset twice", trade(rows(columns=["AA", "AA", "BB"])), "the asset AA stands twice"),
    refused(
        "session outside", trade(rows(index=pd.DatetimeIndex(["2019-01-07", "2020-01-06"]))), "2019-01-07", "2020-01-06"
    ),
    refused("a weekend", trade(rows([HALF], pd.DatetimeIndex(["2020-01-11"]))), "2020-01-11 is not a session"),
    refused("unsorted", trade(rows(index=SESSIONS[[4, 1]])), "2020-01-07 comes after a later session", "sort"),
    refused("a session twice", trade(rows(index=TWICE)), "2020-01-07 comes twice", "drop duplicates"),
    refused("time zone", trade(rows(index=SESSIONS[[1, 4]].tz_localize("UTC"))), "time zone UTC", "tz_localize"),
    refused("time of day", trade(rows(index=SESSIONS[[1, 4]] + pd.Timedelta("16h"))), "16:00:00", "normalize"),
    refused("no date", trade(rows(index=pd.DatetimeIndex(["2020-01-07", pd.NaT]))), "row 1 has no date"),
    refused("index of text", trade(rows(index=["2020-01-07", "2020-01-10"])), "DatetimeIndex", "to_datetime"),
    refused("index of numbers", trade(rows(index=[0, 1])), "the index is", "DatetimeIndex"),
    refused("complex numbers", trade(rows([[0.5 + 1j, 0, 0], HALF])), "complex", "real numbers"),
    refused("text", trade(rows([["much", 0, 0], HALF])), "weights: ", "much", "to_numeric"),
    refused("a Series", trade(pd.Series(HALF, ASSETS)), "a Series came", "DataFrame"),
    refused("an array", trade(np.array([HALF])), "a ndarray came", "DataFrame"),
    refused("nothing at all", lambda: ap.backtest_weights(market(), None), "a NoneType came", "DataFrame"),
    refused("unknown fill", trade(fill="next_opn"), "next_opn", "did you mean next_open?"),
    refused("capital of NaN", trade(capital=NAN), "capital = nan", "above 0"),
    refused("participation of zero", trade(participation=0.0), "participation = 0.0"),
    refused("costs of NaN", lambda: ap.Costs(spread_bps=NAN), "spread_bps = nan"),
    refused("costs as text", lambda: ap.Costs(spread_bps="5"), "spread_bps = '5'"),
    refused("stops on other rows", stops([HALF], index=SESSIONS[:1]), "1 rows that are not the 2 rows", "reindex"),
    refused("stops on as many other rows", stops([HALF, HALF], index=SESSIONS[:2]), "not the 2 rows", "weights.index"),
    refused(
        "negative stop", stops([[95.0, NAN, NAN], [-95.0, NAN, NAN]]), "price -95.0 on 2020-01-10 for AA", "distance"
    ),
    refused("stop of zero", stops([[0.0, NAN, NAN]] * 2), "price 0.0 on 2020-01-07 for AA"),
    refused("infinite stop", stops([[INF, NAN, NAN]] * 2), "stops: ", "inf on 2020-01-07 for AA"),
    refused("stops for an unknown asset", stops([[95.0] * 3] * 2, columns=["AA", "BB", "DD"]), "stops: the asset 'DD'"),
    accepted("no stop anywhere", stops([[NAN] * 3] * 2), lambda result: len(result.fills) == 6),
]


@pytest.mark.parametrize("case", WEIGHTS, ids=repr)
def test_weights(case: Case) -> None:
    if case.outcome == "refused":
        with pytest.raises(ap.AlphaPulseError) as caught:
            case.make()
        teaches(caught.value, case.words)
    else:
        result = case.make()
        assert case.check(result)
        assert np.isfinite(result.weights.to_numpy()).all()
        assert np.isfinite(result.quantities.to_numpy()).all()
        assert np.isfinite(result.equity.to_numpy()).all() and (result.equity > 0.0).all()
        assert result.summary()["sessions"] == len(result.live_returns)
        assert "BacktestResult" in repr(result)


def test_gross_above_one_trades_once_leverage_is_asked_for() -> None:
    weights = rows([[0.9, 0.9, 0.0]], SESSIONS[:1])
    with pytest.raises(ExecutionError):
        ap.backtest_weights(market(), weights)
    result = ap.backtest_weights(market(), weights, leverage=True)
    assert result.weights.iloc[1].sum() == pytest.approx(1.8)
    assert result.cash.iloc[1] < 0.0


STRATEGIES = [
    refused(
        "lookback longer than the market", {"portfolio": {"lookback": 11}}, "no decision falls due", "lookback of 11"
    ),
    refused("market that ends before a rebalance", {"portfolio": {"lookback": 5}}, "with a monthly rebalance"),
    refused(
        "evidence that needs five years",
        {"portfolio": {"lookback": 5, "rebalance": "daily"}, "agents": {"use": {"value": {}}}},
        "scores no asset at any session",
        "fundamentals.net_income",
    ),
]


@pytest.mark.parametrize("case", STRATEGIES, ids=repr)
def test_strategy_on_a_short_market(case: Case) -> None:
    strategy = ap.Strategy.from_params(case.make)
    with pytest.raises(ap.AlphaPulseError) as caught:
        ap.backtest(market(), strategy)
    teaches(caught.value, case.words)


def test_names_of_cases_are_unique_and_many() -> None:
    for cases in (FILES, WEIGHTS, STRATEGIES):
        names = [case.name for case in cases]
        assert len(names) == len(set(names))
    assert len(FILES) + len(WEIGHTS) + len(STRATEGIES) >= 40
