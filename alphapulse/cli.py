"""The command line: a command for each kind of run, `alphapulse leakcheck`, `alphapulse runs`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from alphapulse.core.errors import AlphaPulseError, RunError

if TYPE_CHECKING:
    import pandas as pd

    from alphapulse.store.runs import Run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AlphaPulse: backtests of a multi-agent hedge fund that can be believed.",
)

Root = Annotated[Path, typer.Option("--runs", help="Folder of stored runs.")]
Params = Annotated[Path, typer.Argument(help="YAML file with the parameters of one run, see params/.")]
Changes = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace one value: portfolio.lookback=504.")
]
OwnNotebook = Annotated[
    Path | None, typer.Option(help="Notebook to run instead of the project's.", exists=True, dir_okay=False)
]
Progress = Annotated[bool, typer.Option(help="Show a bar over the notebook's cells.")]


@app.command()
def backtest(
    params: Params,
    changes: Changes = None,
    root: Root = Path("runs"),
    notebook: OwnNotebook = None,
    progress: Progress = True,
) -> None:
    """Run the backtest notebook with PARAMS and store the run: tables, executed notebook, HTML tear sheet."""
    _make("backtest", params, {}, changes, root, notebook, progress)


@app.command()
def agents(
    params: Params,
    horizon: Annotated[int, typer.Option(help="Sessions of return that scores are compared with.")] = 21,
    changes: Changes = None,
    root: Root = Path("runs"),
    notebook: OwnNotebook = None,
    progress: Progress = True,
) -> None:
    """Run the agents notebook with the data and agents of PARAMS and store what their scores were worth."""
    _make("agents", params, {"horizon": horizon}, changes, root, notebook, progress)


@app.command()
def portfolio(
    params: Params,
    allocator: Annotated[
        list[str] | None, typer.Option(help="An allocator to run; repeat it for more. None runs all.")
    ] = None,
    changes: Changes = None,
    root: Root = Path("runs"),
    notebook: OwnNotebook = None,
    progress: Progress = True,
) -> None:
    """Run the portfolio notebook with PARAMS: the same strategy under every allocator, side by side."""
    _make("portfolio", params, {"allocators": allocator or []}, changes, root, notebook, progress)


@app.command()
def risk(
    params: Params,
    level: Annotated[float, typer.Option(help="Of VaR and CVaR; 0.95 speaks of the worst session in twenty.")] = 0.95,
    changes: Changes = None,
    root: Root = Path("runs"),
    notebook: OwnNotebook = None,
    progress: Progress = True,
) -> None:
    """Run the risk notebook with PARAMS and store what the strategy risked and what its risk rules were worth."""
    _make("risk", params, {"level": level}, changes, root, notebook, progress)


def _make(
    kind: str,
    params: Path,
    own: dict[str, Any],
    changes: list[str] | None,
    root: Path,
    notebook: Path | None,
    progress: bool,
) -> None:
    """Make a run, and print its flags, summary and where to look."""
    from alphapulse.params import parse_change
    from alphapulse.report.tables import summary_text
    from alphapulse.runner import run

    changed = dict(map(parse_change, changes or []))
    try:
        made = run(kind, params, own=own, changes=changed, root=root, notebook=notebook, progress=progress)
    except KeyboardInterrupt as stop:  # caught here, because typer ends with no word
        typer.echo(f"stopped at {stop or 'the start'}; nothing of this run was kept", err=True)
        raise typer.Exit(130) from None
    typer.echo(summary_text(made.summary, made.manifest["flags"]))
    for table in _tables(made):
        typer.echo(f"\n{table.to_string(index=False)}")
    for warning in made.manifest["warnings"]:
        typer.echo(f"note: {warning}")
    typer.echo(f"\n{made.folder}/")
    typer.echo(f"  tearsheet.html   open it in a browser\n  {made.manifest['notebook']}   the executed notebook")
    typer.echo("  manifest.json    parameters, data fingerprint, versions, digests of the tables beside it")


def _tables(made: Run) -> Iterator[pd.DataFrame]:
    """Yield the tables of a run to print: its allocators side by side, or what its risk rules were worth."""
    from alphapulse.report.tables import allocator_table, rule_table

    held = {name.removesuffix(".parquet") for name in made.manifest["files"]}
    if made.kind == "portfolio":
        yield allocator_table(made.table("measures"), made.table("against") if "against" in held else None)
    if made.kind == "risk" and "rules" in held:
        yield rule_table(made.table("rules"))


@app.command()
def leakcheck(
    params: Params,
    changes: Changes = None,
    quick: Annotated[bool, typer.Option("--quick", help="Make a third of the cuts.")] = False,
    thorough: Annotated[bool, typer.Option("--thorough", help="Cut at every session; takes long.")] = False,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the cuts.")] = 0,
    progress: Annotated[bool, typer.Option(help="Show a bar over the cuts.")] = True,
) -> None:
    """Check that no agent, allocator or limit of PARAMS, nor their strategy, looks ahead; end with 1 if one does."""
    from alphapulse.backtest.leaks import leak_check, parts_of
    from alphapulse.data import load_market
    from alphapulse.params import load_params, parse_change
    from alphapulse.strategy import Strategy

    run = load_params(params, dict(map(parse_change, changes or [])))
    strategy = Strategy.from_params(run)
    market = load_market(**run["data"])
    typer.echo(f"{market!r}")
    leaking, parts = [], parts_of(strategy)
    for name, part in parts.items():
        report = leak_check(part, market, seed=seed, quick=quick, thorough=thorough, progress=progress, name=name)
        typer.echo(report.text())
        leaking += [] if report.ok else [name]
    if leaking:
        raise RunError(
            f"{len(leaking)} of {len(parts)} parts look ahead: {', '.join(leaking)}",
            "answers that no later session changes",
            "start with the first session and asset named for each",
        )
    typer.echo(f"ok: none of {len(parts)} parts looks ahead")


@app.command()
def runs(
    compare: Annotated[
        list[str] | None, typer.Argument(help="Runs to compare, by (part of) their names; none lists all runs.")
    ] = None,
    root: Root = Path("runs"),
) -> None:
    """List stored runs, or compare some of them side by side."""
    from alphapulse.report.tables import comparison_text, headline
    from alphapulse.store.runs import list_runs

    stored = list_runs(root)
    if not stored:
        typer.echo(f"no runs in {root}/ yet; make one with: alphapulse backtest params/sample.yaml")
        return
    if not compare:
        width = max(len(run.id) for run in stored)
        for run in stored:
            typer.echo(f"{run.id:<{width}}  {headline(run.kind, run.manifest['summary'])}")
        return
    chosen = {run.id: run.summary for run in stored if any(part in run.id for part in compare)}
    missing = [part for part in compare if not any(part in name for name in chosen)]
    if missing:
        raise RunError(
            f"no run named like {', '.join(missing)}", "names that `alphapulse runs` lists", "check the name"
        )
    typer.echo(comparison_text(chosen))


def main() -> None:
    """Run the command line; bad input ends it with its message and status 2, a failed run or a full disk with 1."""
    try:
        app()
    except AlphaPulseError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1 if isinstance(error, RunError) else 2)
    except OSError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(1)
