"""The command line: `alphapulse backtest`, `alphapulse runs`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from alphapulse.core.errors import AlphaPulseError, RunError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="AlphaPulse: backtests of a multi-agent hedge fund that can be believed.",
)

Root = Annotated[Path, typer.Option("--runs", help="Folder of stored runs.")]


@app.command()
def backtest(
    params: Annotated[Path, typer.Argument(help="YAML file with the parameters of one run, see params/.")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Replace one value: portfolio.lookback=504.")
    ] = None,
    root: Root = Path("runs"),
    notebook: Annotated[
        Path | None,
        typer.Option(help="Notebook to run instead of notebooks/backtest.ipynb.", exists=True, dir_okay=False),
    ] = None,
    progress: Annotated[bool, typer.Option(help="Show a bar over the notebook's cells.")] = True,
) -> None:
    """Run the backtest notebook with PARAMS and store the run: tables, executed notebook, HTML tear sheet."""
    from alphapulse.params import parse_change
    from alphapulse.report.tables import summary_text
    from alphapulse.runner import run_backtest

    try:
        run = run_backtest(
            params, changes=dict(map(parse_change, changes or [])), root=root, notebook=notebook, progress=progress
        )
    except KeyboardInterrupt as stop:  # caught here, because typer ends with no word
        typer.echo(f"stopped at {stop or 'the start'}; nothing of this run was kept", err=True)
        raise typer.Exit(130) from None
    flags = run.manifest["flags"]
    typer.echo(summary_text(run.summary, flags))
    for warning in run.manifest["warnings"]:
        typer.echo(f"note: {warning}")
    typer.echo(f"\n{run.folder}/")
    typer.echo(f"  tearsheet.html   open it in a browser\n  {run.manifest['notebook']}   the executed notebook")
    typer.echo("  manifest.json    parameters, data fingerprint, versions, digests of the tables beside it")


@app.command()
def runs(
    compare: Annotated[
        list[str] | None, typer.Argument(help="Runs to compare, by (part of) their names; none lists all runs.")
    ] = None,
    root: Root = Path("runs"),
) -> None:
    """List stored runs, or compare some of them side by side."""
    from alphapulse.report.tables import comparison_text
    from alphapulse.store.runs import list_runs

    stored = list_runs(root)
    if not stored:
        typer.echo(f"no runs in {root}/ yet; make one with: alphapulse backtest params/sample.yaml")
        return
    if not compare:
        width = max(len(run.id) for run in stored)
        for run in stored:
            summary = run.manifest["summary"]
            typer.echo(
                f"{run.id:<{width}}  return {summary['annual_return']:7.2%} a year  Sharpe {summary['sharpe']:5.2f}  "
                f"drawdown {summary['max_drawdown']:7.2%}"
            )
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
