"""Runs: validated parameters in, a stored run with its executed notebook out.

1. `load_params` and `Strategy.from_params` refuse bad parameters before anything starts; NOTEBOOKS says which of them
   each notebook takes.
2. papermill executes the notebook in a folder aside; its last cell calls `save_run`.
3. The manifest is written last and the folder gets its name; on any failure nothing stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import pandas as pd

import alphapulse
from alphapulse.backtest.card import Scorecard
from alphapulse.backtest.result import BacktestResult
from alphapulse.core.checks import check_count
from alphapulse.core.errors import RunError
from alphapulse.data import source_of
from alphapulse.params import RunParams, load_params
from alphapulse.report.tearsheet import tearsheet
from alphapulse.store.runs import Run, publish, staged, write_table, write_text
from alphapulse.strategy import Strategy


class Notebook(NamedTuple):
    """A notebook that runs execute: its file, the sections of a run's file it takes, parameters of its own."""

    file: str
    sections: tuple[str, ...]
    own: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names in its parameters cell, in order."""
        return (*self.sections, *self.own, "save_to")


NOTEBOOKS: Mapping[str, Notebook] = {
    "backtest": Notebook("backtest.ipynb", tuple(name for name in RunParams.model_fields if name != "save_to")),
    "agents": Notebook("agents.ipynb", ("name", "data", "agents"), ("horizon",)),
}
RESULT = "result.json"
# tags of the cells that papermill adds
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}


def run_backtest(
    params: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    root: Path = Path("runs"),
    notebook: Path | None = None,
    progress: bool = True,
) -> Run:
    """Execute the backtest notebook with the parameters of a YAML file and store the run under `root`.

    changes: values by dotted key that replace those of the file. Raises ParamsError before anything runs, RunError
    naming the cell when one fails; KeyboardInterrupt passes and names it too. In all cases no half run stays.
    """
    return _run("backtest", load_params(params, changes), {}, root, notebook, progress)


def run_agents(
    params: Path,
    *,
    horizon: int = 21,
    changes: Mapping[str, Any] | None = None,
    root: Path = Path("runs"),
    notebook: Path | None = None,
    progress: bool = True,
) -> Run:
    """Execute the agents notebook with the name, data and agents of a run's YAML file, and store its scorecard.

    horizon: sessions of return that scores are compared with. Otherwise as `run_backtest`.
    """
    own = {"horizon": check_count("horizon", horizon)}
    return _run("agents", load_params(params, changes), own, root, notebook, progress)


def _run(
    kind: str, mapping: Mapping[str, Any], own: Mapping[str, Any], root: Path, notebook: Path | None, progress: bool
) -> Run:
    Strategy.from_params(mapping)
    source_of(mapping["data"]["name"], sorted(set(mapping["data"]) - {"name"}))
    form = NOTEBOOKS[kind]
    given = {**mapping, **own}
    parameters = {name: given[name] for name in form.parameters}
    source = notebook or find_notebook(form.file)
    started = perf_counter()
    with staged(root) as folder:
        executed = folder / source.name
        _execute(source, executed, {**parameters, "save_to": str(folder.resolve())}, progress)
        stored = folder / RESULT
        if not stored.is_file():
            raise RunError(
                f"notebook {source.name}: it ran, but stored no result",
                "a last cell that calls ap.save_run(result, save_to)",
                f"restore the cell from notebooks/{form.file}",
            )
        result = json.loads(stored.read_text(encoding="utf-8"))
        stored.unlink()
        created = datetime.now(UTC)
        manifest = {
            **result,
            "parameters": parameters,
            "strategy": result["parameters"],
            "created": created.isoformat(timespec="seconds"),
            "duration_s": round(perf_counter() - started, 2),
            "notebook": source.name,
            "warnings": [*result["warnings"], *_stderr_lines(executed)],
        }
        identity = json.dumps([manifest[key] for key in ("parameters", "data", "code")], sort_keys=True, default=str)
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return publish(folder, f"{created:%Y-%m-%d}-{mapping['name']}-{digest}", manifest)


def save_run(result: BacktestResult | Scorecard, folder: str | Path) -> None:
    """Write a result into `folder`: its tables as Parquet, its page as `tearsheet.html`, and `result.json`.

    Tables of a backtest: equity (equity, cash, benchmark), flows, weights and targets (sessions x assets), scores (one
    column a session, agent and asset), fills, events, clamps, notes; of a scorecard: those of `Scorecard.tables` that
    hold anything. quality with both.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kind, tables = ("agents", result.tables) if isinstance(result, Scorecard) else ("backtest", _tables(result))
    if result.market.quality is not None:
        tables["quality"] = result.market.quality
    for name, table in tables.items():
        if kind == "backtest" or len(table.columns):
            write_table(table, folder / f"{name}.parquet")
    tearsheet(result).to_html(folder / "tearsheet.html")
    described = {
        **result.provenance,
        "kind": kind,
        "summary": _plain(result.summary()),
        "warnings": _warnings(result),
    }
    write_text(folder / RESULT, json.dumps(described, default=str))


def _tables(result: BacktestResult) -> dict[str, pd.DataFrame]:
    decisions = result.decisions
    equity = result.equity.to_frame().assign(cash=result.cash)
    if result.benchmark is not None:
        equity["benchmark"] = result.benchmark
    held = result.weights.columns[(result.quantities != 0.0).any()]
    return {
        "equity": equity,
        "flows": result.flows,
        "weights": result.weights[held],
        "targets": decisions.targets,
        **{f"scores_{name}": scores for name, scores in decisions.scores.items()},
        "fills": result.fills,
        "events": result.events,
        "clamps": decisions.clamps,
        "notes": decisions.notes,
    }


def find_notebook(name: str) -> Path:
    """Return the project's notebook `name`: in ./notebooks, or beside the package in a source tree."""
    places = [Path("notebooks"), Path(alphapulse.__file__).resolve().parent.parent / "notebooks"]
    for place in places:
        if (place / name).is_file():
            return place / name
    raise RunError(
        f"notebook {name}: not in {' or '.join(str(place) for place in places)}",
        "a notebook of the project",
        "run from the project's root, or name one with --notebook",
    )


def _execute(source: Path, executed: Path, parameters: dict[str, Any], progress: bool) -> None:
    import papermill
    from nbclient.exceptions import DeadKernelError

    book = _notebook(source)
    try:
        papermill.execute_notebook(
            book,
            str(executed).replace("{", "{{").replace("}", "}}"),  # papermill formats the path
            parameters=parameters,
            kernel_name="python3",
            language="python",
            progress_bar=progress,
            cwd=str(Path.cwd()),
            shutdown_kernel="immediate",
            store_widget_state=False,
            # ipykernel warns of plain TCP at every start; the kernel listens on loopback alone
            extra_arguments=["--IPKernelApp.log_level=ERROR"],
        )
    except papermill.PapermillExecutionError as error:
        if error.ename == "KeyboardInterrupt":
            raise KeyboardInterrupt(_last_cell(executed)) from None
        raise _failed(source, executed, f"{error.ename}: {error.evalue}") from None
    except DeadKernelError:
        raise _failed(source, executed, "DeadKernelError: the kernel died, perhaps for lack of memory") from None
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_last_cell(executed)) from None


def _notebook(source: Path) -> Any:
    import nbformat

    try:
        content = json.loads(source.read_text(encoding="utf-8"))
        version = content.get("nbformat") if isinstance(content, dict) else None
        if version != 4:
            raise ValueError(f"format {version}")
        book: Any = nbformat.from_dict(content)  # type: ignore[no-untyped-call]
        nbformat.validate(book)
    except (OSError, ValueError, nbformat.ValidationError) as error:
        raise RunError(
            f"notebook {source}: {str(error).partition(chr(10))[0]}",
            "a Jupyter notebook of format 4 (.ipynb)",
            "restore it from notebooks/, or name another",
        ) from error
    return book


def _failed(source: Path, executed: Path, raised: str) -> RunError:
    """Return the error of a failed cell; what one of our own errors accepts and advises is passed on."""
    came, _, taught = raised.partition("\n  accepted: ")
    accepted, _, step = taught.partition("\n  next: ")
    return RunError(
        f"notebook {source.name}, {_last_cell(executed)}: {came}",
        accepted or "a notebook whose every cell runs",
        (f"{step}; " if step else f"open {source} and run it up to that cell; ") + "nothing of this run was kept",
    )


def _last_cell(executed: Path) -> str:
    """Return number (from 1, as in the source notebook) and first line of the last cell that was started."""
    import nbformat

    if not executed.is_file():
        return "the start"
    book: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    ours = [cell for cell in book.cells if not _ADDED.intersection(cell.metadata.get("tags", ()))]
    started = [
        f"cell {number} ({cell.source.strip().partition(chr(10))[0][:60]})"
        for number, cell in enumerate(ours, 1)
        if cell.cell_type == "code" and cell.metadata.get("papermill", {}).get("start_time")
    ]
    return started[-1] if started else "the start"


def _stderr_lines(executed: Path) -> list[str]:
    """Return what the notebook's cells wrote to stderr, progress bars aside."""
    import nbformat

    book: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    texts = [
        output["text"] for cell in book.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"
    ]
    return [
        line for text in texts for line in text.splitlines() if line.strip() and "\r" not in line and "%|" not in line
    ]


def _plain(summary: Any) -> dict[str, Any]:
    return {key: value.item() if hasattr(value, "item") else value for key, value in summary.items()}


def _warnings(result: BacktestResult | Scorecard) -> list[str]:
    found = []
    quality = result.market.quality
    if quality is not None:
        odd = quality.loc[(quality["action"] != "ok") & (quality["count"] > 0)]
        found += [
            f"data: {check}: {count} {action}" + (f", first {first}" if first else "")
            for check, count, action, first in odd[["check", "count", "action", "first"]].itertuples(index=False)
        ]
    if isinstance(result, Scorecard):
        return found
    unfilled = result.events["kind"].value_counts()
    return found + [
        f"orders: {unfilled[kind]} {kind}"
        for kind in ("waiting", "capped", "unfunded", "cancelled", "replaced")
        if unfilled.get(kind, 0)
    ]
