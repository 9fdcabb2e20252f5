"""Market data from a folder of the user's own Parquet or CSV files, in the layout of `alphapulse.data.tables`.

    folder/
      prices.parquet          or prices.csv, or prices/AAPL.csv, prices/MSFT.csv, ... (one file an asset)
      benchmark.parquet  membership.parquet  fundamentals.parquet  news.parquet  macro.parquet  sectors.parquet
      delistings.parquet      each optional, each Parquet or CSV
      flags.txt               optional: one known bias a line, shown with every result

Files are data: nothing in them is evaluated, and no pickled object is opened.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from alphapulse.core.errors import DataError
from alphapulse.core.market import MarketData
from alphapulse.data.build import build
from alphapulse.data.selection import nearest
from alphapulse.data.tables import DATES, NOT_GIVEN, REQUIRED, TEXTS, FolderTables, typed

SUFFIXES = (".parquet", ".csv")


def load(
    path: str, start: str | None = None, end: str | None = None, assets: Sequence[str] | None = None
) -> MarketData:
    """Load the folder `path` from `start` to `end` (ISO dates, both included), all assets or those asked for.

    The layout stands in `alphapulse.data.tables`; only prices are required. Raises DataError naming file, column and
    row for what cannot be read, ParamsError for wrong options; what was repaired stands in `market.quality`.
    """
    return build(read(path), start, end, assets)


def read(path: str | Path) -> FolderTables:
    """Read and type the tables of a folder; DataError names the file, the column and the row at fault."""
    folder = Path(path).expanduser()
    if not folder.is_dir():
        came = "is a file" if folder.exists() else "does not exist"
        raise DataError(f"folder {folder}: it {came}", "a folder that holds prices", "correct the path")
    tables: dict[str, Any] = {}
    for name in REQUIRED:
        files = _files(folder, name)
        if files:
            frames = [_typed_file(name, file, one_asset=file.parent != folder) for file in files]
            tables[name] = frames[0] if len(frames) == 1 else _stack(frames)
    if "prices" not in tables:
        found = sorted(entry.name for entry in folder.iterdir())
        raise DataError(
            f"folder {folder}: no prices{nearest('prices', [Path(f).stem for f in found])}; "
            + (f"it holds {', '.join(found[:8])}" if found else "it is empty"),
            "prices.parquet, prices.csv, or a folder prices/ with one file an asset",
            "put the prices there",
        )
    flags = folder / "flags.txt"
    lines = flags.read_text(encoding="utf-8").splitlines() if flags.is_file() else []
    known_biases = tuple(line.strip() for line in lines if line.strip())
    return replace(FolderTables(tables.pop("prices")), **tables, name=folder.resolve().name, flags=known_biases)


def write(tables: FolderTables, path: str | Path) -> None:
    """Write the tables as Parquet files that `read` returns unchanged; DataError when prices are there already."""
    folder = Path(path).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    if _files(folder, "prices"):
        raise DataError(f"folder {folder}: it already holds prices", "a new or empty folder", "choose another path")
    for name, table in tables.present().items():
        table.to_parquet(folder / f"{name}.parquet", index=False)
    (folder / "flags.txt").write_text("".join(f"{flag}\n" for flag in tables.flags), encoding="utf-8")


def _files(folder: Path, name: str) -> list[Path]:
    files = [folder / f"{name}{suffix}" for suffix in SUFFIXES if (folder / f"{name}{suffix}").exists()]
    parts = folder / name
    if name == "prices" and parts.is_dir():
        files += sorted(file for file in parts.iterdir() if file.suffix in SUFFIXES)
        if not files:
            raise DataError(
                f"folder {parts}: no Parquet or CSV file in it", "one file an asset, such as AAPL.csv", "put them there"
            )
    places = {file if file.parent == folder else parts for file in files}
    if len(places) > 1:
        raise DataError(
            f"folder {folder}: {name} stands in {' and in '.join(sorted(place.name for place in places))}",
            f"{name} in one place",
            "remove or rename one of them",
        )
    return files


def _typed_file(name: str, file: Path, *, one_asset: bool) -> pd.DataFrame:
    frame = _read_csv(file) if file.suffix == ".csv" else _read_parquet(file)
    if one_asset and "asset" not in frame:
        frame.insert(0, "asset", file.stem)
    return typed(name, frame, file.name if not one_asset else f"{file.parent.name}/{file.name}")


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    stacked = pd.concat([frame.assign(asset=frame["asset"].astype(str)) for frame in frames], ignore_index=True)
    return stacked.assign(asset=stacked["asset"].astype("category"))


def _read_parquet(file: Path) -> pd.DataFrame:
    try:
        # without the writer's pandas metadata a file is only columns: no index, no foreign types
        frame: pd.DataFrame = pq.ParquetFile(file).read().to_pandas(ignore_metadata=True)
        return frame
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{file.name}: it cannot be read as Parquet ({str(error).splitlines()[0]})",
            "a complete Parquet file",
            "write or copy the file again",
        ) from error


def _read_csv(file: Path) -> pd.DataFrame:
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            header = next(csv.reader(lines), [])
        words = [name for name in header if name in (*TEXTS, *DATES, "known", "date")]
        cells = {name: list(NOT_GIVEN) for name in header if name not in words}
        # every other word stays as it is written: NA and NAN are tickers
        frame = pd.read_csv(
            file, dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=cells, low_memory=False
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, OSError, csv.Error) as error:
        raise DataError(
            f"{file.name}: it cannot be read as CSV ({str(error).splitlines()[0]})",
            "comma-separated UTF-8 text with one header line",
            "save the file again as CSV",
        ) from error
    if not isinstance(frame.index, pd.RangeIndex):
        raise DataError(
            f"{file.name}: its rows have more cells than its header of {len(header)} columns",
            "as many cells a row as columns",
            "name every column, or quote texts that hold commas",
        )
    return frame if len(set(header)) == len(header) else frame.set_axis(header, axis=1)
