"""The README is true: its code runs, its commands work, and what it says they print is what they print."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

import alphapulse as ap

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


PROSE = re.sub(r"```.*?```", "", README, flags=re.DOTALL)


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    assert all(line.startswith("$ ") for line in lines)
    return [shlex.split(line[2:]) for line in lines]


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run every alphapulse command of the README after `make backtest`'s own, in order, and return what they print."""
    runs = tmp_path_factory.mktemp("runs")
    told = ["alphapulse", "backtest", "params/sample.yaml"]
    texts = []
    for command in [told, *(c for c in commands() if c[0].endswith("alphapulse"))]:
        stores = [] if command[1] == "leakcheck" else ["--runs", str(runs)]
        words = [str(Path(sys.executable).parent / "alphapulse"), command[1], *stores, *command[2:]]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode == 0, done.stderr
        texts.append(done.stdout)
    return "\n".join(texts)


def test_the_commands_print_what_the_readme_says(printed: str) -> None:
    shown = blocks("text")[0].splitlines()
    assert len(shown) > 20
    for line in shown:
        if line.strip() and not line.startswith("runs/<date>"):
            assert line in printed, f"not printed any more: {line}"


def test_runs_are_listed_and_compared(printed: str) -> None:
    assert len(re.findall(r"^\d{4}-\d\d-\d\d-(?:sample|naive)-\w{8} ", printed, flags=re.MULTILINE)) == 2
    assert len(re.findall(r"^Sharpe ratio ", printed, flags=re.MULTILINE)) == 6  # five runs, one table to compare
    assert re.search(r"^Told apart from 1/N +\d+$", printed, flags=re.MULTILINE)
    assert re.search(r"^Kupiec p +[<0]", printed, flags=re.MULTILINE)


def test_the_agents_are_measured_and_nothing_looks_ahead(printed: str) -> None:
    assert re.search(r"^Information coefficient +-?0\.\d+$", printed, flags=re.MULTILINE)
    assert re.search(r"^ok: none of \d+ parts looks ahead$", printed, flags=re.MULTILINE)


def test_the_python_blocks_run_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    code = blocks("python")
    assert len(code) >= 5
    namespace: dict[str, object] = {}
    for number, block in enumerate(code):
        exec(compile(block, f"README.md block {number}", "exec"), namespace)
    assert namespace["mine"].equity.iloc[-1] > 0


def test_the_make_targets_of_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    named = {c[1] for c in commands() if c[0] == "make"} | set(re.findall(r"`make (\w+)`", README))
    assert named >= {"backtest", "test", "bench", "check", "lab", "evidence"}
    for target in named:
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_files_the_readme_points_to_exist() -> None:
    for path in re.findall(r"\]\(([^)#]+)\)|`((?:params|notebooks|alphapulse)/[\w./]+)`", PROSE):
        assert (ROOT / (path[0] or path[1])).exists(), path


def test_the_yaml_of_the_readme_is_a_strategy() -> None:
    agents, portfolio = (ap.Strategy.from_params(yaml.safe_load(text)) for text in blocks("yaml"))
    assert set(agents.agent.agents) == {"technical", "sentiment", "value"}
    assert portfolio.mean == "scores" and portfolio.portfolio.allocator.constraints.max_assets == 40
