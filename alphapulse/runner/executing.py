"""Executing a notebook with papermill: which file, with which parameters, and which cell failed in which words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import alphapulse
from alphapulse.core.errors import RunError

# tags of the cells that papermill adds
_ADDED = {"injected-parameters", "papermill-error-cell-tag"}


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


def execute(source: Path, executed: Path, parameters: Mapping[str, Any], progress: bool) -> None:
    """Execute the notebook `source` with `parameters` and write it to `executed`.

    RunError names the cell that failed and passes on what an error of ours teaches; KeyboardInterrupt names it too.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    book = _notebook(source)
    try:
        papermill.execute_notebook(
            book,
            str(executed).replace("{", "{{").replace("}", "}}"),  # papermill formats the path
            parameters=dict(parameters),
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


def stderr_lines(executed: Path) -> list[str]:
    """Return what the notebook's cells wrote to stderr, progress bars aside."""
    import nbformat

    book: Any = nbformat.read(executed, as_version=4)  # type: ignore[no-untyped-call]
    texts = [
        output["text"] for cell in book.cells for output in cell.get("outputs", []) if output.get("name") == "stderr"
    ]
    return [
        line for text in texts for line in text.splitlines() if line.strip() and "\r" not in line and "%|" not in line
    ]
