"""The table of what is measured. A row is one function that prepares our work, one for each peer, and one line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks import indicators, jobs, leaks, libraries, metrics, objectives, portfolios, solvers, trading

# A function that the work returns is called after the clock stops: what it finds is kept beside the times.
Work = Callable[[], object]
# Told whether a quick look is enough, it builds the inputs and returns the work. Only the work is timed.
Prepare = Callable[[bool], Work]


@dataclass(frozen=True)
class Contestant:
    """One way to do the work.

    package: what must be installed. share: part of the work that is done, of its sessions, assets or decisions; the
    time is divided by it, and the table says so. compiled: an untimed call goes first, so that compiled code is loaded.
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


def _metrics() -> tuple[Contestant, dict[str, Contestant]]:
    prepare = metrics.contestant
    peers = {
        "empyrical": Contestant(prepare(metrics.empyrical), "empyrical", compiled=False),
        "quantstats": Contestant(prepare(metrics.quantstats, 0.1), "quantstats", 0.1, "series", compiled=False),
    }
    return Contestant(prepare(metrics.ours)), peers


def _portfolios(problem: portfolios.Problem, **choose: portfolios.Choose) -> tuple[Contestant, dict[str, Contestant]]:
    """Return the contestants of a problem; choose: by package, how it finds one portfolio."""
    share = portfolios.DECIDED_BY_PEERS / portfolios.DECISIONS
    peers = {
        PACKAGED[package]: Contestant(portfolios.peer(problem, how), package, share, "decisions", compiled=False)
        for package, how in choose.items()
    }
    return Contestant(portfolios.ours(problem)), peers


PACKAGED = {
    "piqp": "PIQP",
    "scipy": "HiGHS",
    "pypfopt": "PyPortfolioOpt",
    "skfolio": "skfolio",
    "riskfolio": "Riskfolio-Lib",
}
MIN_VARIANCE = _portfolios(
    objectives.MIN_VARIANCE,
    piqp=solvers.min_variance,
    pypfopt=libraries.pypfopt_min_variance,
    skfolio=libraries.skfolio_min_variance,
    riskfolio=libraries.riskfolio_min_variance,
)
MAX_SHARPE = _portfolios(
    objectives.MAX_SHARPE,
    piqp=solvers.max_sharpe,
    pypfopt=libraries.pypfopt_max_sharpe,
    skfolio=libraries.skfolio_max_sharpe,
    riskfolio=libraries.riskfolio_max_sharpe,
)
HRP = _portfolios(
    objectives.HRP,
    pypfopt=libraries.pypfopt_hrp,
    skfolio=libraries.skfolio_hrp,
    riskfolio=libraries.riskfolio_hrp,
)
BLACK_LITTERMAN = _portfolios(
    objectives.BLACK_LITTERMAN,
    piqp=solvers.black_litterman,
    pypfopt=libraries.pypfopt_black_litterman,
    skfolio=libraries.skfolio_black_litterman,
)
MIN_CVAR = _portfolios(
    objectives.MIN_CVAR,
    scipy=solvers.min_cvar,
    pypfopt=libraries.pypfopt_min_cvar,
    skfolio=libraries.skfolio_min_cvar,
    riskfolio=libraries.riskfolio_min_cvar,
)
CONSTRAINED = _portfolios(objectives.CONSTRAINED, piqp=solvers.constrained, skfolio=libraries.skfolio_constrained)
UTILITY = _portfolios(
    objectives.UTILITY,
    piqp=solvers.utility,
    pypfopt=libraries.pypfopt_utility,
    skfolio=libraries.skfolio_utility,
)


ROWS: dict[str, Row] = {
    "monthly": Row("target weights, 500 x 7,560, monthly, 10 bps", *_trading(21, 1.0), 0.02, 500),
    "monthly_new": Row("the same on a market not traded before", Contestant(trading.ours_new(21)), {}, 0.02, 500),
    "daily": Row("target weights, 500 x 7,560, daily, 10 bps", *_trading(1, 1 / 15), 0.06, 500),
    "indicators": Row("11 indicator panels, 500 x 7,560", *_indicators(), 0.1),
    "agents": Row("all agents' scores, 500 x 7,560, market loaded", Contestant(jobs.agents), {}, 8),
    "scorecard": Row(
        "scorecard of six agents and manager, 500 x 7,560", Contestant(jobs.scorecard, compiled=False), {}, 60
    ),
    "min_variance": Row("360 minimum variance portfolios, Ledoit-Wolf, 500 assets", *MIN_VARIANCE, 2),
    "max_sharpe": Row("360 maximum Sharpe portfolios", *MAX_SHARPE, 2),
    "hrp": Row("360 hierarchical risk parity portfolios", *HRP, 4),
    "black_litterman": Row("360 Black-Litterman portfolios, a view of every asset", *BLACK_LITTERMAN, 6),
    "min_cvar": Row("360 minimum CVaR 95 % portfolios", *MIN_CVAR, 20),
    "constrained": Row("360 maximum Sharpe with caps, 11 sectors and turnover cost", *CONSTRAINED, 14.4),
    "utility": Row("360 mean-variance with the same constraints", *UTILITY, 14.4),
    "metrics": Row("10 measures, rolling Sharpe and volatility, 1,000 series x 2,520", *_metrics(), 0.3),
    "leak_check": Row("leak check of 20 features, 500 x 2,520", Contestant(leaks.leak_check, compiled=False), {}, 60),
    "main_job": Row("params/simulated_500.yaml, market loaded", Contestant(jobs.main_job("max_sharpe")), {}, 15, 3_000),
    "main_job_hrp": Row("the same with hierarchical risk parity", Contestant(jobs.main_job("hrp")), {}, 15, 3_000),
    "simulate": Row("load the simulated market, 500 x 7,560", Contestant(jobs.simulate), {}, 5),
    "import": Row(
        "import, in a new process",
        Contestant(jobs.imported("import alphapulse")),
        {name: Contestant(jobs.imported(f"import {name}"), name) for name in ("vectorbt", "bt")},
        1,
    ),
    "import_all": Row("import and touch every public name", Contestant(jobs.imported(jobs.EVERY_NAME))),
}
