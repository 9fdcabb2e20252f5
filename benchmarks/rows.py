"""The table of what is measured. A row is one function that prepares our work, one for each peer, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks import indicators, jobs, leaks, trading

Work = Callable[[], object]
# Told whether a quick look is enough, it builds the inputs and returns the work. Only the work is timed.
Prepare = Callable[[bool], Work]


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    package: what must be installed. share: part of the work that is done, of its sessions or assets; the time is
    divided by it, and the table says so. compiled: one untimed call goes first, so that compiled code is loaded.
    """

    prepare: Prepare
    package: str = "alphapulse"
    share: float = 1.0
    of: str = "sessions"
    compiled: bool = True


@dataclass(frozen=True)
class Row:
    """One piece of work: ours, its peers by name, and our target in seconds and MB (None: none is set)."""

    work: str
    ours: Contestant
    peers: Mapping[str, Contestant] = field(default_factory=dict)
    target_s: float | None = None
    target_mb: float | None = None


def _trading(every: int, bt_share: float) -> tuple[Contestant, dict[str, Contestant]]:
    peers = {
        "vectorbt": Contestant(trading.vectorbt(every), "vectorbt"),
        "bt": Contestant(trading.bt(every, bt_share), "bt", bt_share, compiled=False),
    }
    return Contestant(trading.ours(every)), peers


def _indicators() -> tuple[Contestant, dict[str, Contestant]]:
    prepare = indicators.contestant
    peers = {
        "TA-Lib, asset by asset": Contestant(prepare(indicators.by_asset(indicators.talib)), "talib"),
        "vectorbt": Contestant(prepare(indicators.vectorbt), "vectorbt"),
        "pandas": Contestant(prepare(indicators.pandas), "pandas", compiled=False),
        "ta": Contestant(prepare(indicators.by_asset(indicators.ta), 0.1), "ta", 0.1, "assets", compiled=False),
    }
    return Contestant(prepare(indicators.ours)), peers


ROWS: dict[str, Row] = {
    "monthly": Row("target weights, 500 x 7,560, monthly, 10 bps", *_trading(21, 1.0), 0.02, 500),
    "monthly_new": Row("the same on a market not traded before", Contestant(trading.ours_new(21)), {}, 0.02, 500),
    "daily": Row("target weights, 500 x 7,560, daily, 10 bps", *_trading(1, 1 / 15), 0.06, 500),
    "indicators": Row("11 indicator panels, 500 x 7,560", *_indicators(), 0.1),
    "agents": Row("all agents' scores, 500 x 7,560, market loaded", Contestant(jobs.agents), {}, 8),
    "scorecard": Row(
        "scorecard of six agents and manager, 500 x 7,560", Contestant(jobs.scorecard, compiled=False), {}, 60
    ),
    "leak_check": Row("leak check of 20 features, 500 x 2,520", Contestant(leaks.leak_check, compiled=False), {}, 60),
    "main_job": Row("params/simulated_500.yaml, market loaded", Contestant(jobs.main_job), {}, 15, 3_000),
    "simulate": Row("load the simulated market, 500 x 7,560", Contestant(jobs.simulate), {}, 5),
    "import": Row(
        "import, in a new process",
        Contestant(jobs.imported("import alphapulse")),
        {name: Contestant(jobs.imported(f"import {name}"), name) for name in ("vectorbt", "bt")},
        1,
    ),
    "import_all": Row("import and touch every public name", Contestant(jobs.imported(jobs.EVERY_NAME))),
}
