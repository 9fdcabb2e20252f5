"""The parameters of one run: one YAML file, one mapping, one notebook's parameters.

The models check names and types; ranges are checked by the parts themselves when `Strategy.from_params` builds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from alphapulse.core.errors import ParamsError
from alphapulse.plain import UNREADABLE, parsed, plain, where

MAX_BYTES = 1_000_000
EVERY_AGENT = ("technical", "fundamental", "value", "valuation", "sentiment", "activist")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Data(BaseModel):
    """A source of `load_market` and its options."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    name: str = "sample"


class Agents(_Section):
    """Who votes, each with its own options (weights and windows of evidence), and how votes are weighted.

    options: of the weighting, as `weighting: trailing_ic` and `options: {horizon: 21}`. use: options by agent; a list
    of names, or a name with nothing after it, takes them as they are.
    """

    weighting: str = "equal"
    options: dict[str, Any] = {}
    use: dict[str, dict[str, Any]] = Field(default={name: {} for name in EVERY_AGENT}, min_length=1)

    @field_validator("use", mode="before")
    @classmethod
    def _named(cls, use: Any) -> Any:
        if isinstance(use, list) and all(isinstance(name, str) for name in use):
            return {name: {} for name in use}
        if isinstance(use, dict):
            return {name: {} if options is None else options for name, options in use.items()}
        return use


class Portfolio(_Section):
    """The allocator with its options, what it knows (covariance, mean, lookback sessions) and when it acts.

    rebalance: daily, weekly, monthly, month_end, quarterly, every so many sessions, or a list of ISO dates.
    """

    allocator: str = "min_variance"
    options: dict[str, Any] = {}
    rebalance: str | int | list[str] = "monthly"
    select: float = 0.5
    short: float = 0.0
    drift_band: float = 0.0
    no_trade: float = 0.0
    to_edge: bool = False
    min_trade: float = 0.0
    lookback: int = 756
    covariance: str = "ledoit_wolf"
    mean: str = "historical"


class Sizing(_Section):
    """The position sizer; volatility per year as a decimal, none for no target. method: a name from SIZERS."""

    volatility_target_ann: float | None = None
    max_gross: float = 1.0
    method: str = "none"
    kelly_fraction: float = 0.5
    kelly_cap: float = 1.0
    drawdown_scale: float | None = None
    drawdown_floor: float = 0.1


class CostBook(_Section):
    """Costs of trading and holding; basis points, yearly rates as decimals."""

    commission_bps: float = 0.0
    spread_bps: float = 0.0
    impact: float = 0.0
    borrow_bps_ann: float = 0.0
    cash_rate_ann: float = 0.0


class Trading(_Section):
    """How decisions trade."""

    costs: CostBook = CostBook()
    fill: str = "next_open"
    capital: float = 10_000_000.0
    participation: float | None = None
    carry: bool = False
    leverage: bool = False
    lot: float = 0.0


class RunParams(_Section):
    """A whole run. `risk` maps names of limits and stop rules to their options, in the order they apply.

    risk_check: decisions applies the limits to what is decided, daily also to what is held at every close between.
    save_to: folder the notebook writes its result to; empty shows it only. The runner sets it.
    """

    name: str = Field(default="run", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")
    data: Data = Data()
    agents: Agents = Agents()
    portfolio: Portfolio = Portfolio()
    sizing: Sizing = Sizing()
    risk: dict[str, dict[str, Any]] = {}
    risk_check: str = "decisions"
    execution: Trading = Trading()
    save_to: str = ""


def load_params(path: str | Path, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the parameters of the whole run in the YAML file at `path`, validated and with defaults filled in.

    changes: values by dotted key ("portfolio.lookback") that replace those of the file. Raises ParamsError naming the
    file, the field, what is accepted and the nearest name.
    """
    mapping = _read_yaml(Path(path))
    for key, value in (changes or {}).items():
        _set(mapping, key, value)
    return validated(mapping, str(path))


def validated(mapping: Mapping[str, Any], origin: str = "parameters") -> dict[str, Any]:
    """Return the mapping of a run as plain values with defaults filled in, or raise ParamsError.

    Plain values are those a file and a notebook cell can both hold, see `alphapulse.plain`.
    """
    try:
        return RunParams.model_validate(plain(mapping, origin)).model_dump()
    except ValidationError as error:
        raise _taught(error, origin) from None


def parse_change(text: str) -> tuple[str, Any]:
    """Return key and value of a change written `key=value`; the value is read as YAML."""
    key, mark, value = text.partition("=")
    if not mark or not key.strip():
        raise ParamsError(f"--set {text}", "key=value, for example portfolio.lookback=504", "write the equals sign")
    try:
        return key.strip(), parsed(value)
    except UNREADABLE as error:
        raise ParamsError(f"--set {text}: {where(error)}", "a YAML value", "quote text with special signs") from None


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = _text(path)
    except OSError as error:
        raise ParamsError(f"parameter file {path}: {error.strerror}", "a YAML file", "check the path") from None
    except UnicodeDecodeError as error:
        raise ParamsError(f"parameter file {path}: {error}", "text in UTF-8", "save it as UTF-8") from None
    try:
        mapping = parsed(text)
    except UNREADABLE as error:
        raise ParamsError(
            f"parameter file {path}: {where(error)}", "valid YAML without aliases or tags", "mend the place named"
        ) from None
    if not isinstance(mapping, dict):
        raise ParamsError(
            f"parameter file {path}: " + ("is empty" if mapping is None else f"holds a {type(mapping).__name__}"),
            f"a mapping with the keys {', '.join(RunParams.model_fields)}",
            "start from params/sample.yaml",
        )
    return mapping


def _text(path: Path) -> str:
    if not path.is_file():
        near = sorted(str(other) for other in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
        raise ParamsError(
            f"parameter file {path}: " + ("is a folder" if path.is_dir() else "does not exist"),
            "a YAML file" + (f", for example {', '.join(near[:5])}" if near else ""),
            "check the path",
        )
    if path.stat().st_size > MAX_BYTES:
        raise ParamsError(
            f"parameter file {path}: {path.stat().st_size:,} bytes", f"at most {MAX_BYTES:,} bytes", "check the file"
        )
    return path.read_text(encoding="utf-8")


def _set(mapping: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        inner = mapping.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ParamsError(f"--set {key}: {part} is {inner!r}", "a dotted path of sections", "shorten the key")
        mapping = inner
    mapping[last] = value


def _taught(error: ValidationError, origin: str) -> ParamsError:
    faults = error.errors(include_url=False)
    came, accepted = zip(*(_fault(fault) for fault in faults), strict=True)
    return ParamsError(
        f"{origin}: " + "; ".join(came),
        "; ".join(dict.fromkeys(accepted)),
        "correct the value; params/sample.yaml shows every section",
    )


def _fault(fault: Any) -> tuple[str, str]:
    path = [str(part) for part in fault["loc"]]
    field = ".".join(path) or "the whole"
    if fault["type"] == "extra_forbidden":
        known = _fields_at(path[:-1])
        near = get_close_matches(path[-1], known, 1, cutoff=0.5)
        return f"unknown key {field}" + (f" (did you mean {near[0]}?)" if near else ""), f"keys {', '.join(known)}"
    shown = repr(fault["input"])
    came = f"{field} = {shown if len(shown) < 60 else shown[:57] + '...'}"
    if fault["type"] == "string_pattern_mismatch":
        return came, f"{field}: letters, digits, - and _, at most 40"
    form = fault["msg"][0].lower() + fault["msg"][1:]
    hint = ""
    if field == "agents.weighting" and isinstance(fault["input"], dict):
        hint = "; its options stand beside it: weighting: trailing_ic, options: {horizon: 21}"
    if isinstance(fault["input"], str) and fault["type"].startswith(("float", "int")):
        hint = " written as a plain number (0.02 for 2 %, 5 for 5 bps, no quotes or units)"
    return came, f"{field}: {form}{hint}"


def _fields_at(path: list[str]) -> list[str]:
    model: Any = RunParams
    for part in path:
        model = model.model_fields[part].annotation
        model = next((m for m in (model, *get_args(model)) if hasattr(m, "model_fields")), model)
    return list(model.model_fields)
