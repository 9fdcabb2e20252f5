"""The command line: what it prints, how it ends, and that it never shows a raw traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from alphapulse import cli
from alphapulse.store.runs import publish, staged, write_table

COMMAND = [sys.executable, "-c", "from alphapulse.cli import main; main()"]
ROOT = Path(__file__).parent.parent
SMALL = """
name: small
data: {name: sample, start: 2018-01-01, end: 2019-12-31, assets: [AAPL, KO, XOM, JPM]}
agents: {use: {technical: {}}}
portfolio: {lookback: 63}
"""


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str


@pytest.fixture
def alphapulse(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command line in this process; every ending is checked for a traceback."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr("sys.argv", ["alphapulse", *map(str, arguments)])
        try:
            cli.main()
            code = 0
        except SystemExit as stop:
            code = int(stop.code or 0)
        shown = capsys.readouterr()
        assert "Traceback" not in shown.out + shown.err
        return Ended(code, shown.out, shown.err)

    return run


@pytest.fixture
def params(tmp_path: Path) -> Path:
    path = tmp_path / "small.yaml"
    path.write_text(SMALL, encoding="utf-8")
    return path


def store(root: Path, name: str, **summary: float) -> Path:
    measures = {"annual_return": 0.05, "sharpe": 0.5, "max_drawdown": -0.2, **summary}
    with staged(root) as folder:
        write_table(pd.DataFrame({"equity": [1.0]}), folder / "equity.parquet")
        return publish(folder, name, {"created": name, "summary": measures, "flags": []}).folder


def started(notebook: Path, params: Path, runs: Path) -> subprocess.Popen[str]:
    """Start a run in a process group of its own and wait until its notebook reached the long cell."""
    command = [*COMMAND, "backtest", str(params), "--runs", str(runs), "--notebook", str(notebook), "--no-progress"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        # whoever started these tests in the background made them, and would make the run, deaf to Ctrl-C
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    mark = notebook.with_name("reached")
    deadline = time.monotonic() + 60.0
    while not mark.exists() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.02)
    assert mark.exists(), process.communicate()
    return process


@pytest.fixture
def long_notebook(tmp_path: Path) -> Path:
    """A notebook whose third cell tells the process of its kernel and never ends."""
    path = tmp_path / "long.ipynb"
    wait = (
        "# a long piece of work\nimport os, pathlib, time\n"
        f"part = pathlib.Path({str(tmp_path / 'part')!r})\npart.write_text(str(os.getpid()))\n"
        f"part.rename({str(tmp_path / 'reached')!r})\ntime.sleep(600)"
    )
    cells = [
        nbformat.v4.new_code_cell("save_to: str = ''", metadata={"tags": ["parameters"]}),
        *map(nbformat.v4.new_code_cell, ["1", wait]),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def gone(process: int, seconds: float = 20.0) -> bool:
    """Return whether a process ends within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            os.kill(process, 0)
            if Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.05)
    return False


def test_a_backtest_prints_its_summary_and_where_to_look(alphapulse, params: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    ended = alphapulse(
        "backtest", params, "--runs", runs, "--set", "name=changed", "--set", "sizing.max_gross=0.5", "--no-progress"
    )
    assert ended.code == 0
    (folder,) = runs.iterdir()
    assert "-changed-" in folder.name
    assert f"{folder}/" in ended.out
    for words in ("survivors only", "closes only", "Sharpe", "tearsheet.html", "backtest.ipynb", "manifest.json"):
        assert words in ended.out
    weights = pd.read_parquet(folder / "weights.parquet")
    assert 0.4 < weights.sum(axis=1).max() < 0.6
    assert (listed := alphapulse("runs", "--runs", runs)).code == 0
    assert folder.name in listed.out


def test_ctrl_c_names_the_cell_and_leaves_nothing(long_notebook: Path, params: Path, tmp_path: Path) -> None:
    process = started(long_notebook, params, tmp_path / "runs")
    kernel = int((tmp_path / "reached").read_text())
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped at cell 3 (# a long piece of work); nothing of this run was kept" in err
    assert "Traceback" not in err
    assert list((tmp_path / "runs").iterdir()) == []
    assert gone(kernel), "the kernel outlived its run"


def test_kill_leaves_a_partial_folder_that_is_never_listed(
    alphapulse, long_notebook: Path, params: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    process = started(long_notebook, params, runs)
    kernel = int((tmp_path / "reached").read_text())
    process.kill()
    process.communicate(timeout=30)
    assert all(path.name.startswith(".partial-") for path in runs.iterdir())
    ended = alphapulse("runs", "--runs", runs)
    assert ended.code == 0
    assert "no runs in" in ended.out
    assert gone(kernel), "the kernel outlived its run"


def test_a_failing_cell_ends_with_one(alphapulse, params: Path, tmp_path: Path) -> None:
    book = nbformat.read(ROOT / "notebooks" / "backtest.ipynb", as_version=4)
    book.cells[3].source = "raise ValueError('on purpose')"
    nbformat.write(book, tmp_path / "copy.ipynb")
    ended = alphapulse(
        "backtest", params, "--runs", tmp_path / "runs", "--notebook", tmp_path / "copy.ipynb", "--no-progress"
    )
    assert ended.code == 1
    assert ended.err.startswith(
        "error: notebook copy.ipynb, cell 4 (raise ValueError('on purpose')): ValueError: on purpose"
    )
    assert list((tmp_path / "runs").iterdir()) == []


def test_data_that_cannot_serve_end_with_one_and_their_own_words(alphapulse, params: Path, tmp_path: Path) -> None:
    ended = alphapulse("backtest", params, "--runs", tmp_path / "runs", "--set", "data.assets=[KOO]", "--no-progress")
    assert ended.code == 1
    assert "KOO" in ended.err
    assert "market = ap.load_market(**data)" in ended.err or "import alphapulse as ap" in ended.err
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--set", "portfolio.lokback=5"], "did you mean lookback?"),
        (["--set", "portfolio.lookback=many"], "portfolio.lookback = 'many'"),
        (["--set", "portfolio"], "equals sign"),
        (["--set", "data.asets=[KO]"], "did you mean 'assets'?"),
        (["--set", "data.name=sampel"], "did you mean 'sample'?"),
        (["--set", "portfolio.lookback=[1"], "quote text"),
        (["--set", "sizing.volatility_target_ann=12"], "10 per cent is 0.10"),
        (["--set", "name=../up"], "letters, digits"),
        (["--runs", __file__], "File exists"),
        (["--notebook", __file__], "Jupyter notebook"),
        (["--notebook", "no/such.ipynb"], "does not exist"),
        (["--zzz"], "No such option"),
    ],
)
def test_bad_arguments_are_refused_in_words(
    alphapulse, params: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    ended = alphapulse("backtest", params, "--runs", tmp_path / "runs", *arguments)
    assert ended.code in (1, 2)
    assert words in " ".join(ended.err.replace("│", " ").split())
    assert not (tmp_path / "runs").exists() or list((tmp_path / "runs").iterdir()) == []


def test_a_hostile_path_is_refused_in_words(alphapulse, tmp_path: Path) -> None:
    for path in ("x" * 5_000, "no/such/file.yaml", tmp_path, "/dev/null"):
        ended = alphapulse("backtest", path)
        assert ended.code == 2
        assert ended.err.startswith("error: parameter file")


def test_leakcheck_names_every_part_and_passes(alphapulse, params: Path) -> None:
    ended = alphapulse("leakcheck", params, "--quick", "--no-progress", "--set", "risk={max_position: {weight: 0.4}}")
    assert ended.code == 0, ended.err
    for part in (
        "agent technical",
        "manager manager",
        "allocator MinVariance",
        "limit 1 MaxPosition",
        "strategy small",
    ):
        assert f"{part}: ok" in ended.out
    assert "survivors only" in ended.out
    assert ended.out.endswith("ok: none of 5 parts looks ahead\n")


def test_leakcheck_ends_with_one_where_something_looks_ahead(alphapulse, params: Path) -> None:
    ended = alphapulse("leakcheck", params, "--quick", "--no-progress", "--set", "execution.fill=same_close")
    assert ended.code == 1
    assert "leak: same-bar fill (fills): filled in the very session whose close decided it; first on 2018-" in ended.out
    assert ended.err.startswith("error: 1 of 4 parts look ahead: strategy small")


def test_leakcheck_teaches_about_parameters(alphapulse, params: Path) -> None:
    assert "did you mean lookback?" in alphapulse("leakcheck", params, "--set", "portfolio.lokback=5").err
    too_short = alphapulse("leakcheck", params, "--no-progress", "--set", "data.end=2018-02-01")
    assert too_short.code == 2
    assert "load a longer market" in too_short.err or "pass a longer market" in too_short.err


def test_runs_are_listed_and_compared(alphapulse, tmp_path: Path) -> None:
    store(tmp_path, "2020-01-01-first-00000001", sharpe=0.25)
    store(tmp_path, "2020-01-02-second-00000002", sharpe=0.75)
    (tmp_path / ".partial-0123456789ab").mkdir()
    listed = alphapulse("runs", "--runs", tmp_path)
    assert listed.code == 0
    lines = listed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["2020-01-01-first-00000001", "2020-01-02-second-00000002"]
    assert "5.00%" in lines[0] and "0.25" in lines[0] and "-20.00%" in lines[0]
    compared = alphapulse("runs", "first", "second", "--runs", tmp_path)
    assert compared.code == 0
    assert "0.25" in compared.out and "0.75" in compared.out
    assert "2020-01-01-first-00000001" in compared.out and "2020-01-02-second-00000002" in compared.out
    only = alphapulse("runs", "second", "--runs", tmp_path)
    assert "first" not in only.out


def test_the_agents_of_a_file_are_measured_and_listed_beside_backtests(
    alphapulse, params: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    old = store(runs, "2020-01-01-first-00000001", sharpe=0.25)
    ended = alphapulse("agents", params, "--runs", runs, "--horizon", "10", "--set", "name=measured", "--no-progress")
    assert ended.code == 0
    for words in ("closes only", "Information coefficient", "Top minus bottom", "agents.ipynb", "tearsheet.html"):
        assert words in ended.out
    (folder,) = (path for path in runs.iterdir() if "-measured-" in path.name)
    listed = alphapulse("runs", "--runs", runs)
    assert listed.code == 0
    first, second = listed.out.splitlines()
    assert first.startswith(old.name) and "Sharpe  0.25" in first
    assert second.startswith(folder.name) and "IC " in second and "over 10 sessions" in second
    compared = alphapulse("runs", "first", "measured", "--runs", runs)
    assert compared.code == 0
    assert "Sharpe ratio" in compared.out and "Information coefficient" in compared.out
    refused = alphapulse("agents", params, "--runs", runs, "--horizon", "0")
    assert refused.code == 2
    assert "horizon = 0" in refused.err


def test_allocators_side_by_side_are_printed_and_listed(alphapulse, params: Path, tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    chosen = ("--allocator", "equal_weight", "--allocator", "hrp", "--set", "name=shot")
    ended = alphapulse("portfolio", params, "--runs", runs, *chosen, "--no-progress")
    assert ended.code == 0, ended.err
    for words in ("closes only", "less 1/N", "turnover", "portfolio.ipynb", "tearsheet.html"):
        assert words in ended.out
    (folder,) = runs.iterdir()
    measures = pd.read_parquet(folder / "measures.parquet")
    assert list(measures.index) == ["equal_weight", "hrp", "index"]
    for name, row in measures.iterrows():
        (line,) = (line for line in ended.out.splitlines() if line.split()[:1] == [name] and "±" in line)
        assert f"{row['annual_return']:.2%}" in line and f"{row['sharpe']:.2f} ± " in line
    listed = alphapulse("runs", "--runs", runs).out
    assert f"1/N Sharpe {measures.loc['equal_weight', 'sharpe']:5.2f}" in listed and "of 1 others told apart" in listed
    old = store(runs, "2020-01-01-first-00000001", sharpe=0.25)
    compared = alphapulse("runs", old.name, "shot", "--runs", runs)
    assert compared.code == 0
    assert "0.25" in compared.out and f" {measures['sharpe'].drop('index').idxmax()}" in compared.out
    refused = alphapulse("portfolio", params, "--runs", runs, "--allocator", "hpr")
    assert refused.code == 2 and "did you mean hrp?" in refused.err


def test_risk_rules_and_their_worth_are_printed_and_listed(alphapulse, params: Path, tmp_path: Path) -> None:
    runs, own = tmp_path / "runs", tmp_path / "own.ipynb"
    cells = [
        "data: dict = {}\nagents: dict = {}\nportfolio: dict = {}\nrisk: dict = {}\nsave_to: str = ''",
        "import alphapulse as ap\nrun = {'agents': agents, 'portfolio': portfolio, 'risk': risk}\n"
        "value = ap.value_of_risk(ap.load_market(**data), ap.Strategy.from_params(run))\n"
        "ap.save_run(ap.risk_review(value.with_all).valued(value), save_to)",
    ]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    book.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(book, own)
    rules = ("--set", "risk={max_position: {weight: 0.2}, max_gross: {gross: 0.5}}")
    ended = alphapulse("risk", params, "--runs", runs, "--notebook", own, *rules, "--no-progress")
    assert ended.code == 0, ended.err
    (folder,) = runs.iterdir()
    worth = pd.read_parquet(folder / "rules.parquet")
    assert list(worth.index) == ["max_position", "max_gross", "all together"]
    for name, row in worth.iterrows():
        (line,) = (line for line in ended.out.splitlines() if line.strip().startswith(name))
        assert f"{row['annual_return']:z.2%}" in line
    refused = alphapulse("risk", params, "--runs", runs, "--level", "95")
    assert refused.code == 2 and "write 95 per cent as 0.95" in refused.err
    listed = alphapulse("runs", "--runs", runs).out
    assert "Sharpe" in listed and listed.rstrip().endswith(", risk")


def test_no_runs_and_unknown_runs_are_told(alphapulse, tmp_path: Path) -> None:
    empty = alphapulse("runs", "--runs", tmp_path / "nowhere")
    assert empty.code == 0
    assert "alphapulse backtest params/sample.yaml" in empty.out
    store(tmp_path, "first")
    unknown = alphapulse("runs", "frist", "--runs", tmp_path)
    assert unknown.code == 1
    assert "no run named like frist" in unknown.err


def test_a_damaged_run_is_named(alphapulse, tmp_path: Path) -> None:
    (store(tmp_path, "first") / "manifest.json").write_text("{")
    ended = alphapulse("runs", "--runs", tmp_path)
    assert ended.code == 2
    assert "first: manifest.json cannot be read" in ended.err


@pytest.mark.parametrize("command", [[], ["agents"], ["backtest"], ["portfolio"], ["risk"], ["leakcheck"], ["runs"]])
def test_help_of_every_command(alphapulse, command: list[str]) -> None:
    ended = alphapulse(*command, "--help")
    assert ended.code == 0
    assert "Usage:" in ended.out
    commands = {name.name or name.callback.__name__ for name in cli.app.registered_commands}
    assert commands == {"agents", "backtest", "leakcheck", "portfolio", "risk", "runs"}


def test_the_installed_command_starts_without_heavy_imports() -> None:
    code = (
        "import sys\nfrom alphapulse.cli import main\nsys.argv = ['alphapulse', '--help']\n"
        "try: main()\nfinally: print(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "backtest" in done.stdout and "runs" in done.stdout
    for heavy in ("pandas", "numba", "papermill", "plotly"):
        assert f"'{heavy}'" not in done.stderr
