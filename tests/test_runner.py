"""Runs: what one leaves behind, that it is the same each time, and that a failed one leaves nothing."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest

import alphapulse as ap
from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.scorecard import scorecard
from alphapulse.core.errors import ParamsError, RunError
from alphapulse.runner import KINDS, find_notebook, save_run
from alphapulse.runner import run as execute
from alphapulse.store.runs import Run, read_run

SMALL = """
name: small
data: {name: sample, start: 2018-01-01, end: 2019-12-31, assets: [AAPL, KO, XOM, JPM]}
agents: {use: {technical: {}}}
portfolio: {lookback: 63}
sizing: {volatility_target_ann: 0.12}
risk: {max_position: {weight: 0.2}}
execution: {costs: {spread_bps: 5.0}}
"""
NOTEBOOK = KINDS["backtest"].notebook
TABLES = ("equity", "flows", "weights", "targets", "fills", "events", "clamps", "notes", "quality")


@pytest.fixture(scope="module")
def params(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("params") / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs {of} all")  # a folder may have any name


@pytest.fixture(scope="module")
def run(params: Path, root: Path) -> Run:
    return execute("backtest", params, root=root, progress=False)


@pytest.fixture(scope="module")
def result(params: Path) -> ap.BacktestResult:
    mapping = ap.load_params(params)
    return ap.backtest(ap.load_market(**mapping["data"]), ap.Strategy.from_params(mapping))


def test_the_folder_is_named_by_date_name_and_digest(run: Run, root: Path) -> None:
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}-small-[0-9a-f]{8}", run.id)
    assert run.id.startswith(str(run.manifest["created"])[:10])
    assert [path.name for path in root.iterdir()] == [run.id]


def test_the_folder_holds_manifest_tables_notebook_and_page(run: Run) -> None:
    scores = {"scores_combined.parquet", "scores_technical.parquet"}
    files = {path.name for path in run.folder.iterdir()}
    assert files == {"manifest.json", NOTEBOOK, "tearsheet.html", *(f"{name}.parquet" for name in TABLES), *scores}
    assert files - {"manifest.json"} == set(run.manifest["files"])


def test_the_manifest_tells_where_the_numbers_come_from(run: Run, params: Path, result: ap.BacktestResult) -> None:
    manifest = read_run(run.folder).manifest
    assert run.kind == manifest["kind"] == "backtest"
    assert manifest["parameters"] == ap.load_params(params)
    assert manifest["data"]["fingerprint"] == result.market.fingerprint
    assert manifest["data"]["sessions"] == 503 and manifest["data"]["assets"] == 4
    assert manifest["code"] == result.provenance["code"]
    assert manifest["packages"]["pandas"] == pd.__version__
    assert "seed" in manifest and manifest["seed"] is None  # nothing here is random
    assert any("survivors only" in flag for flag in manifest["flags"])
    assert any("closes only" in flag for flag in manifest["flags"])
    assert isinstance(manifest["warnings"], list)
    assert 0.0 < manifest["duration_s"] < 300.0
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in manifest["files"].values())


def test_the_summary_is_that_of_the_result(run: Run, result: ap.BacktestResult) -> None:
    expected = result.summary()
    assert set(read_run(run.folder).manifest["summary"]) == set(expected.index)
    for name, value in expected.items():
        assert run.summary[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("flows", lambda result: result.flows),
        ("targets", lambda result: result.decisions.targets),
        ("fills", lambda result: result.fills),
        ("events", lambda result: result.events),
        ("clamps", lambda result: result.decisions.clamps),
        ("notes", lambda result: result.decisions.notes),
        ("scores_combined", lambda result: result.decisions.scores["combined"]),
        ("scores_technical", lambda result: result.decisions.scores["technical"]),
        ("quality", lambda result: result.market.quality),
    ],
)
def test_tables_read_back_equal_to_the_result(
    run: Run, result: ap.BacktestResult, table: str, expected: Callable[[ap.BacktestResult], pd.DataFrame]
) -> None:
    stored, wanted = run.table(table), expected(result)
    assert len(wanted) or table == "events"
    if wanted.empty:  # Parquet keeps no categories without a row
        stored = stored.astype(wanted.dtypes)
    pd.testing.assert_frame_equal(stored, wanted, check_freq=False, check_names=False, rtol=1e-12)


def test_equity_and_weights_read_back_equal_to_the_result(run: Run, result: ap.BacktestResult) -> None:
    equity = run.table("equity")
    pd.testing.assert_series_equal(equity["equity"], result.equity, check_freq=False, check_names=False, rtol=1e-12)
    pd.testing.assert_series_equal(equity["cash"], result.cash, check_freq=False, check_names=False, rtol=1e-12)
    pd.testing.assert_series_equal(equity["benchmark"], result.benchmark, check_freq=False, check_names=False)
    weights = run.table("weights").reindex(columns=result.weights.columns, fill_value=0.0)
    pd.testing.assert_frame_equal(weights, result.weights, check_freq=False, check_names=False, rtol=1e-12)


def test_the_executed_notebook_holds_parameters_and_outputs(run: Run, params: Path) -> None:
    book = nbformat.read(run.folder / NOTEBOOK, as_version=4)
    injected = [cell for cell in book.cells if "injected-parameters" in cell.metadata.get("tags", [])]
    assert len(injected) == 1
    given: dict[str, object] = {}
    exec(injected[0].source, {}, given)
    assert {**given, "save_to": ""} == ap.load_params(params)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    assert sum(bool(cell.outputs) for cell in code) >= 5
    assert not [out for cell in code for out in cell.outputs if out.output_type == "error"]


class Links(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.scripts += tag == "script"
        self.fetched += [str(given[key]) for key in ("src", "href", "data", "poster") if given.get(key) and tag != "a"]


def test_the_page_is_self_contained(run: Run) -> None:
    text = (run.folder / "tearsheet.html").read_text(encoding="utf-8")
    links = Links()
    links.feed(text)
    assert links.scripts
    assert [link for link in links.fetched if not link.startswith(("data:", "#"))] == []
    assert "survivors only" in text
    assert "small" in text


def test_the_same_parameters_give_the_same_run(run: Run, params: Path, root: Path) -> None:
    before = {table: run.table(table) for table in TABLES}
    again = execute("backtest", params, root=root, progress=False)
    assert again.manifest["code"] == run.manifest["code"], "the sources changed while the tests ran"
    assert again.id.split("-")[-2:] == run.id.split("-")[-2:]
    for table, frame in before.items():
        pd.testing.assert_frame_equal(again.table(table), frame, check_exact=True)
    assert again.manifest["summary"] == run.manifest["summary"]
    assert not [path for path in root.iterdir() if path.name.startswith(".")]


def test_a_result_is_stored_without_a_notebook_too(result: ap.BacktestResult, tmp_path: Path) -> None:
    save_run(result, tmp_path)
    described = json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))
    assert described["summary"]["decisions"] == len(result.decisions)
    assert (tmp_path / "tearsheet.html").stat().st_size > 10_000


def notebook(folder: Path, *cells: str, parameters: bool = True) -> Path:
    """Write a notebook of code cells behind a title and a parameters cell."""
    made = [nbformat.v4.new_markdown_cell("# A title")]
    if parameters:
        made.append(nbformat.v4.new_code_cell("save_to: str = ''", metadata={"tags": ["parameters"]}))
    path = folder / "own.ipynb"
    book = nbformat.v4.new_notebook(cells=[*made, *map(nbformat.v4.new_code_cell, cells)])
    nbformat.write(book, path)
    return path


def failing(params: Path, path: Path, root: Path) -> RunError:
    with pytest.raises(RunError) as caught:
        execute("backtest", params, root=root, notebook=path, progress=False)
    assert not root.exists() or list(root.iterdir()) == []
    return caught.value


def test_a_failing_cell_is_named_and_leaves_nothing(params: Path, tmp_path: Path) -> None:
    path = notebook(tmp_path, "kept = 1", "# the culprit\nkept / 0", "never = 1")
    error = failing(params, path, tmp_path / "runs")
    assert error.came == "notebook own.ipynb, cell 4 (# the culprit): ZeroDivisionError: division by zero"
    assert "nothing of this run was kept" in error.next_step


def test_an_error_of_ours_in_a_cell_keeps_what_it_teaches(params: Path, tmp_path: Path) -> None:
    path = notebook(
        tmp_path, "import alphapulse.core.errors as e\nraise e.DataError('close of KO', 'prices', 'mend it')"
    )
    error = failing(params, path, tmp_path / "runs")
    assert error.came.endswith("DataError: close of KO")
    assert error.accepted == "prices"
    assert error.next_step == "mend it; nothing of this run was kept"


def test_a_dead_kernel_is_told(params: Path, tmp_path: Path) -> None:
    error = failing(params, notebook(tmp_path, "import os\nos._exit(1)"), tmp_path / "runs")
    assert "cell 3 (import os): DeadKernelError" in error.came


def test_a_notebook_that_stores_nothing_is_told(params: Path, tmp_path: Path) -> None:
    error = failing(params, notebook(tmp_path, "1 + 1", parameters=False), tmp_path / "runs")
    assert "stored no result" in error.came
    assert "ap.save_run" in error.accepted


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 1}', "# Markdown"])
def test_a_file_that_is_no_notebook_is_told(params: Path, tmp_path: Path, text: str) -> None:
    path = tmp_path / "own.ipynb"
    path.write_text(text, encoding="utf-8")
    error = failing(params, path, tmp_path / "runs")
    assert error.came.startswith(f"notebook {path}: ")
    assert "Jupyter notebook" in error.accepted


def test_bad_parameters_start_nothing(params: Path, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="did you mean min_variance"):
        execute(
            "backtest", params, changes={"portfolio.allocator": "min_varianc"}, root=tmp_path / "runs", progress=False
        )
    assert not (tmp_path / "runs").exists()


def test_the_notebook_is_found_here_or_beside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_notebook(NOTEBOOK).is_file()
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / NOTEBOOK).write_text("mine")
    assert find_notebook(NOTEBOOK).read_text() == "mine"
    with pytest.raises(RunError, match=r"notebook other\.ipynb: not in notebooks or"):
        find_notebook("other.ipynb")


@pytest.fixture(scope="module")
def agents_run(params: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return execute("agents", params, own={"horizon": 10}, root=tmp_path_factory.mktemp("agents"), progress=False)


@pytest.fixture(scope="module")
def card(params: Path) -> Scorecard:
    mapping = ap.load_params(params)
    return scorecard(
        ap.load_market(**mapping["data"]), ap.Strategy.from_params(mapping).agent, horizon=10, name="small"
    )


def test_a_run_of_the_agents_holds_tables_notebook_and_page(agents_run: Run, card: Scorecard) -> None:
    tables = {name for name, table in card.tables.items() if len(table.columns)}
    files = {path.name for path in agents_run.folder.iterdir()}
    assert files == {
        *("manifest.json", "agents.ipynb", "tearsheet.html", "quality.parquet"),
        *(f"{name}.parquet" for name in tables),
    }
    assert {"information", "decay", "evidence", "coverage", "by_year", "shares", "diagnostics"} <= tables
    for name in tables:
        stored = agents_run.table(name)
        pd.testing.assert_frame_equal(stored, card.tables[name], check_freq=False, check_names=False, rtol=1e-12)
    page = (agents_run.folder / "tearsheet.html").read_text(encoding="utf-8")
    assert "small: agent scorecard" in page and "survivors only" in page


def test_its_manifest_takes_name_data_and_agents_from_the_file(agents_run: Run, params: Path, card: Scorecard) -> None:
    whole = ap.load_params(params)
    manifest = read_run(agents_run.folder).manifest
    assert agents_run.kind == "agents"
    assert manifest["parameters"] == {
        **{name: whole[name] for name in ("name", "data", "agents")},
        "horizon": 10,
        "save_to": "",
    }
    assert manifest["data"]["fingerprint"] == card.market.fingerprint
    assert any("closes only" in flag for flag in manifest["flags"])
    for name, value in card.summary().items():
        assert agents_run.summary[name] == pytest.approx(value, rel=1e-12, nan_ok=True), name


def test_a_backtest_and_the_agents_of_one_file_are_two_runs(run: Run, agents_run: Run) -> None:
    assert run.id.split("-")[-2] == agents_run.id.split("-")[-2] == "small"
    assert run.id != agents_run.id


@pytest.fixture(scope="module")
def portfolio_run(params: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    names = ["equal_weight", "hrp"]
    return execute("portfolio", params, own={"allocators": names}, root=tmp_path_factory.mktemp("p"), progress=False)


def test_a_run_of_allocators_holds_tables_notebook_and_page(portfolio_run: Run, params: Path) -> None:
    mapping = ap.load_params(params)
    market, strategy = ap.load_market(**mapping["data"]), ap.Strategy.from_params(mapping)
    shot = ap.shootout(market, strategy, ["equal_weight", "hrp"])
    assert {path.name for path in portfolio_run.folder.iterdir()} == {
        *("manifest.json", "portfolio.ipynb", "tearsheet.html", "quality.parquet"),
        *(f"{name}.parquet" for name in shot.tables),
    }
    for name, table in shot.tables.items():
        stored = portfolio_run.table(name)
        pd.testing.assert_frame_equal(stored, table, check_freq=False, check_names=False, rtol=1e-12)
    for name, value in shot.summary().items():
        expected = value if isinstance(value, str) else pytest.approx(value, rel=1e-12, nan_ok=True)
        assert portfolio_run.summary[name] == expected, name
    page = (portfolio_run.folder / "tearsheet.html").read_text(encoding="utf-8")
    assert "small: 2 allocators side by side" in page and "survivors only" in page


def test_its_manifest_takes_the_whole_file_and_the_allocators(portfolio_run: Run, params: Path) -> None:
    manifest = read_run(portfolio_run.folder).manifest
    assert portfolio_run.kind == manifest["kind"] == "portfolio"
    assert manifest["parameters"] == {**ap.load_params(params), "allocators": ["equal_weight", "hrp"]}
    assert list(manifest["strategy"]["allocators"]) == ["equal_weight", "hrp"]
    assert any("closes only" in flag for flag in manifest["flags"])


@pytest.mark.parametrize(
    ("own", "words"),
    [
        ({"allocators": ["hrpp"]}, "did you mean hrp"),
        ({"allocators": "hrp"}, "a list of names"),
        ({"horizon": 5}, "horizon"),
    ],
)
def test_bad_parameters_of_its_own_start_nothing(params: Path, tmp_path: Path, own: dict[str, Any], words: str) -> None:
    with pytest.raises(ParamsError) as caught:
        execute("portfolio", params, own=own, root=tmp_path / "runs", progress=False)
    assert words in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_an_unknown_kind_of_run_is_refused(params: Path) -> None:
    with pytest.raises(ParamsError, match="did you mean portfolio"):
        execute("portfolios", params, progress=False)


REVIEWED = """import alphapulse as ap
run = {"agents": agents, "portfolio": portfolio, "sizing": sizing, "risk": risk, "execution": execution}
value = ap.value_of_risk(ap.load_market(**data), ap.Strategy.from_params(run))
ap.save_run(ap.risk_review(value.with_all).valued(value), save_to)"""


def test_a_risk_review_is_a_run_of_its_own_beside_a_backtest(
    run: Run, params: Path, tmp_path: Path, result: ap.BacktestResult
) -> None:
    path = notebook(tmp_path, REVIEWED)
    own = {"level": 0.99}
    reviewed = execute("risk", params, own=own, root=tmp_path / "runs", notebook=path, progress=False)
    assert reviewed.kind == "risk"
    assert reviewed.manifest["parameters"] == {**run.manifest["parameters"], "level": 0.99}
    assert reviewed.id != run.id
    assert reviewed.summary["sharpe"] == pytest.approx(result.summary()["sharpe"], rel=1e-12)
    assert list(reviewed.table("rules").index) == ["max_position"]
    assert {"measures.parquet", "forecasts.parquet", "stress.parquet"} <= set(reviewed.manifest["files"])
    page = (reviewed.folder / "tearsheet.html").read_text(encoding="utf-8")
    assert "What each rule cost and saved" in page and "survivors only" in page


def test_only_results_are_stored(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="a DataFrame came"):
        save_run(pd.DataFrame(), tmp_path)


def test_a_manifest_without_a_kind_is_that_of_a_backtest(tmp_path: Path) -> None:
    assert Run(tmp_path, {"files": {}, "summary": {}}).kind == "backtest"


@pytest.mark.parametrize("kind", KINDS)
def test_the_parameters_of_a_notebook_are_those_it_is_run_with(kind: str) -> None:
    book = nbformat.read(find_notebook(KINDS[kind].notebook), as_version=4)
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    names = [ast.unparse(line.target) for line in ast.parse(cell.source).body if isinstance(line, ast.AnnAssign)]
    assert names == list(KINDS[kind].parameters)


def test_the_agents_notebook_uses_the_agents_of_the_sample_file() -> None:
    book = nbformat.read(find_notebook("agents.ipynb"), as_version=4)
    (cell,) = [cell for cell in book.cells if "parameters" in cell.metadata.get("tags", [])]
    given: dict[str, Any] = {}
    exec(cell.source, {}, given)
    sample = ap.load_params(find_notebook("agents.ipynb").parent.parent / "params" / "sample.yaml")
    assert given["agents"]["use"] == sample["agents"]["use"]
    assert given["agents"]["weighting"] == sample["agents"]["weighting"]
    assert given["data"] == {"name": "sample", "start": "2005-01-01"}


@pytest.mark.parametrize("horizon", [0, -1, 2.5, "21"])
def test_a_bad_horizon_starts_nothing(params: Path, tmp_path: Path, horizon: Any) -> None:
    with pytest.raises(ParamsError, match="horizon = "):
        execute("agents", params, own={"horizon": horizon}, root=tmp_path / "runs", progress=False)
    assert not (tmp_path / "runs").exists()


def test_a_horizon_longer_than_the_market_is_told(params: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="503 sessions, the horizon is 600"):
        execute("agents", params, own={"horizon": 600}, root=tmp_path / "runs", progress=False)
    assert list((tmp_path / "runs").iterdir()) == []
