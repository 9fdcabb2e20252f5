"""Stored runs: whole or not there, readable as written, and a change is noticed."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from alphapulse.core.errors import StoreError
from alphapulse.store.runs import Run, list_runs, publish, read_run, staged, write_table

TABLE = pd.DataFrame({"a": [1.0, float("nan")]}, index=pd.DatetimeIndex(["2020-01-02", "2020-01-03"], name="session"))


def store(root: Path, name: str, created: str = "2020-01-01", table: pd.DataFrame = TABLE) -> Run:
    with staged(root) as folder:
        write_table(table, folder / "equity.parquet")
        return publish(folder, name, {"created": created, "summary": {"sharpe": 0.5}})


def names(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir())


def test_a_run_reads_back_as_written(tmp_path: Path) -> None:
    store(tmp_path / "deep" / "runs", "one")
    run = read_run(tmp_path / "deep" / "runs" / "one")
    pd.testing.assert_frame_equal(run.table("equity"), TABLE, check_freq=False)
    assert run.id == "one"
    assert run.summary["sharpe"] == 0.5
    assert set(run.manifest["files"]) == {"equity.parquet"}
    assert names(run.folder) == ["equity.parquet", "manifest.json"]
    assert names(run.folder.parent) == ["one"]


def test_an_error_while_staged_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), staged(tmp_path) as folder:
        write_table(TABLE, folder / "equity.parquet")
        raise ZeroDivisionError
    assert names(tmp_path) == []


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr("alphapulse.store.runs._sync", full)
    with pytest.raises(OSError, match="No space left"):
        store(tmp_path, "one")
    assert names(tmp_path) == []


def test_the_same_run_replaces_itself(tmp_path: Path) -> None:
    store(tmp_path, "one")
    store(tmp_path, "one", table=TABLE + 1.0)
    assert names(tmp_path) == ["one"]
    assert read_run(tmp_path / "one").table("equity")["a"].iloc[0] == 2.0


def test_runs_are_listed_by_age_and_only_whole_ones(tmp_path: Path) -> None:
    store(tmp_path, "b", created="2020-01-02")
    store(tmp_path, "a", created="2020-01-03")
    store(tmp_path, "c", created="2020-01-01")
    (tmp_path / ".partial-0123456789ab").mkdir()
    (tmp_path / ".partial-0123456789ab" / "manifest.json").write_text("{}")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file.txt").write_text("mine")
    assert [run.id for run in list_runs(tmp_path)] == ["c", "b", "a"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    run = store(tmp_path, "one")
    write_table(TABLE * 2.0, run.folder / "equity.parquet")
    with pytest.raises(StoreError, match=r"equity\.parquet is not the file that was written"):
        read_run(run.folder).table("equity")


def test_a_truncated_table_is_refused(tmp_path: Path) -> None:
    path = store(tmp_path, "one").folder / "equity.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(StoreError, match="run one: equity"):
        read_run(tmp_path / "one").table("equity")


def test_a_table_that_was_not_written_is_refused(tmp_path: Path) -> None:
    run = store(tmp_path, "one")
    write_table(TABLE, run.folder / "added.parquet")
    with pytest.raises(StoreError, match=r"added\.parquet is not"):
        run.table("added")
    with pytest.raises(StoreError, match=r"no table 'equty'\n.*equity"):
        run.table("equty")


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"created": 1}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    run = store(tmp_path, "one")
    (run.folder / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=r"manifest\.json cannot be read"):
        read_run(run.folder)
    with pytest.raises(StoreError, match=r"manifest\.json"):
        list_runs(tmp_path)


def test_a_folder_without_manifest_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="written by `alphapulse backtest`"):
        read_run(tmp_path)


def test_digests_cover_every_file(tmp_path: Path) -> None:
    with staged(tmp_path) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "page.html").write_text("<p>")
        publish(folder, "one", {"summary": {}})
    manifest = json.loads((tmp_path / "one" / "manifest.json").read_text())
    assert set(manifest["files"]) == {"inner/page.html"}


@pytest.fixture
def read_only() -> Iterator[Path]:
    """A folder this process may not write to, even when it runs as root."""
    folder = Path(tempfile.mkdtemp(prefix="alphapulse-"))
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield folder
    finally:
        if root:
            os.seteuid(0)
        folder.rmdir()


@pytest.mark.skipif(os.name != "posix", reason="folders are protected by mode on POSIX")
def test_a_read_only_folder_is_named(read_only: Path) -> None:
    for root in (read_only, read_only / "runs"):
        with pytest.raises(StoreError) as caught, staged(root):
            pass
        assert caught.value.came == f"runs folder {root}: Permission denied"
        assert "can be written" in caught.value.accepted


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StoreError, match=r"runs folder .*runs: File exists"), staged(tmp_path / "runs"):
        pass
