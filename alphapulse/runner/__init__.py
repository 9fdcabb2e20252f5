"""Runs: validated parameters in, a stored run with its executed notebook out.

1. `load_params` and `Strategy.from_params` refuse bad parameters before anything starts; `kinds.KINDS` says which of
   them each notebook takes.
2. papermill executes the notebook in a folder aside (`executing`); its last cell calls `save_run` (`saving`).
3. The manifest is written last and the folder gets its name; on any failure nothing stays.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from alphapulse.core.checks import check_choice
from alphapulse.core.errors import RunError
from alphapulse.data import source_of
from alphapulse.params import load_params
from alphapulse.runner.executing import execute, find_notebook, stderr_lines
from alphapulse.runner.kinds import KINDS
from alphapulse.runner.saving import RESULT, save_run
from alphapulse.store.runs import Run, publish, staged
from alphapulse.strategy import Strategy

__all__ = ["KINDS", "find_notebook", "run", "save_run"]


def run(
    kind: str,
    params: Path,
    *,
    own: Mapping[str, Any] | None = None,
    changes: Mapping[str, Any] | None = None,
    root: Path = Path("runs"),
    notebook: Path | None = None,
    progress: bool = True,
) -> Run:
    """Execute the notebook of a kind with the parameters of a YAML file and store the run under `root`.

    kind: a name from KINDS. own: parameters that only its notebook has, by name; the others keep their defaults.
    changes: values by dotted key that replace those of the file. notebook: executed instead of the project's. Raises
    ParamsError before anything runs, RunError naming the cell when one fails; KeyboardInterrupt passes and names it
    too. In all cases no half run stays.
    """
    form = KINDS[check_choice("kind of run", kind, KINDS)]
    given = form.given(own or {})
    mapping = load_params(params, changes)
    Strategy.from_params(mapping)
    source_of(mapping["data"]["name"], sorted(set(mapping["data"]) - {"name"}))
    parameters = {name: {**mapping, **given}[name] for name in form.parameters}
    source = notebook or find_notebook(form.notebook)
    started = perf_counter()
    with staged(root) as folder:
        executed = folder / source.name
        execute(source, executed, {**parameters, "save_to": str(folder.resolve())}, progress)
        stored = folder / RESULT
        if not stored.is_file():
            raise RunError(
                f"notebook {source.name}: it ran, but stored no result",
                "a last cell that calls ap.save_run(result, save_to)",
                f"restore the cell from notebooks/{form.notebook}",
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
            "warnings": [*result["warnings"], *stderr_lines(executed)],
        }
        identity = json.dumps(
            [kind, *(manifest[key] for key in ("parameters", "data", "code"))], sort_keys=True, default=str
        )
        digest = hashlib.sha256(identity.encode()).hexdigest()[:8]
        return publish(folder, f"{created:%Y-%m-%d}-{mapping['name']}-{digest}", manifest)
