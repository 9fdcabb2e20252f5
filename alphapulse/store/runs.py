"""Stored runs: folders that are written aside, and appear under their name once they are complete.

A run's folder holds `manifest.json`, written last: a folder without it is not a run.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pandas as pd

from alphapulse.core.errors import StoreError

MANIFEST = "manifest.json"
STAGING = ".partial-"


@dataclass(frozen=True)
class Run:
    """A finished, stored result: its folder and its manifest."""

    folder: Path
    manifest: Mapping[str, Any]

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def kind(self) -> str:
        """What was run: "backtest" (also where a manifest does not say), "agents", "portfolio" or "risk"."""
        return str(self.manifest.get("kind", "backtest"))

    @property
    def summary(self) -> "pd.Series[Any]":
        return pd.Series(self.manifest["summary"], name=self.id, dtype=object)

    def table(self, name: str) -> pd.DataFrame:
        """Return the stored table `name`; StoreError if it is missing or is not what was written."""
        path = self.folder / f"{name}.parquet"
        if not path.is_file():
            held = sorted(item.stem for item in self.folder.glob("*.parquet"))
            raise StoreError(f"run {self.id}: no table {name!r}", f"one of {held}", "ask for one of them")
        if _digest(path) != self.manifest["files"].get(path.name):
            raise StoreError(
                f"run {self.id}: {path.name} is not the file that was written",
                "files whose digest stands in the manifest",
                "run it again; the folder was changed or damaged",
            )
        return pd.read_parquet(path)


@contextmanager
def staged(root: Path) -> Iterator[Path]:
    """Give a new folder aside in `root`; it is removed when the block ends, unless `publish` moved it."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        folder = _new_aside(root)
    except OSError as error:
        raise StoreError(
            f"runs folder {root}: {error.strerror}", "a folder that can be written", "choose another"
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, name: str, manifest: Mapping[str, Any]) -> Run:
    """Write the manifest into the staged `folder`, with a digest of every file, and move it to `name` beside it.

    A run of the same name is replaced: the name holds a digest of parameters, data and code, so it is the same run.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {str(path.relative_to(folder)): _digest(path) for path in files}
    for path in files:
        _sync(path)
    whole = {**manifest, "files": digests}
    write_text(folder / MANIFEST, json.dumps(whole, indent=2, default=str) + "\n")
    _sync(folder)
    target = folder.parent / name
    if target.exists():
        aside = _new_aside(folder.parent)
        target.rename(aside / name)
        folder.rename(target)
        shutil.rmtree(aside, ignore_errors=True)
    else:
        folder.rename(target)
    _sync(target.parent)
    return Run(target, whole)


def read_run(folder: Path) -> Run:
    """Return the run stored in `folder`; StoreError when it has no manifest, or not a whole one."""
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unreadable(folder, type(error).__name__) from error
    missing = {"files", "summary"}.difference(manifest if isinstance(manifest, dict) else ())
    if missing:
        raise _unreadable(folder, f"{' and '.join(sorted(missing))} missing")
    return Run(folder, manifest)


def _unreadable(folder: Path, why: str) -> StoreError:
    return StoreError(
        f"run {folder}: {MANIFEST} cannot be read ({why})",
        "a folder written by `alphapulse backtest`",
        "remove the folder, or run it again",
    )


def list_runs(root: Path) -> list[Run]:
    """Return the complete runs in `root`, oldest first; an empty list when there are none."""
    if not root.is_dir():
        return []
    folders = (path.parent for path in root.glob(f"*/{MANIFEST}") if not path.parent.name.startswith(STAGING))
    return sorted((read_run(folder) for folder in folders), key=lambda run: str(run.manifest.get("created", "")))


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as Parquet (zstd)."""
    frame.to_parquet(path, compression="zstd")


def write_text(path: Path, text: str) -> None:
    """Write text beside `path`, sync it and rename it there."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, encoding="utf-8")
    _sync(part)
    part.rename(path)


def _new_aside(root: Path) -> Path:
    folder = root / f"{STAGING}{uuid4().hex[:12]}"
    folder.mkdir()
    return folder


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
