"""Exposures: how a return series, an asset or a book moves with factors, by least squares."""

from __future__ import annotations

import numpy as np
import pandas as pd

from alphapulse.core.checks import check_count
from alphapulse.core.errors import DataError, MissingField, RiskError
from alphapulse.core.estimates import RiskEstimate
from alphapulse.core.panel import Panel
from alphapulse.core.stats import Array
from alphapulse.core.units import SESSIONS_PER_YEAR
from alphapulse.risk.held import check_weights, unknown_note
from alphapulse.risk.sample import check_returns, ratio

LEAST_SESSIONS = 63  # of an asset's returns beside its factors, before a slope is believed
COLLINEAR = 1e-6  # of the largest singular value of the standardised factors


def factor_exposures(returns: "pd.Series[float]", factors: pd.DataFrame, *, lags: int | None = None) -> pd.DataFrame:
    """Return the exposures of a return series to factors, by least squares with a constant.

    returns: simple, per session, none unknown; in excess of cash if alpha is to be. factors: sessions x factors over
    at least the same sessions, none unknown there: returns, or changes in any unit, such as the benchmark's returns
    or `principal_factors`. lags: sessions over which residuals may be correlated, floor(4 (sessions / 100)^(2/9))
    unless given (Newey and West 1994).

    Rows: `alpha_ann` (the constant, compounded over 252 sessions as in `relative.alpha`), each factor, and `residual`.
    Columns: coefficient (return per unit of the factor); t, of the coefficient over its standard error under
    heteroskedasticity and autocorrelation (Newey and West 1987); variance_share, coefficient times the covariance of
    factor and returns over the variance of the returns: the factors' shares sum to R-squared, with the residual's to 1.
    `attrs` hold sessions and lags. DataError where a factor is missing; RiskError when there are no more sessions than
    coefficients, or when a factor is constant or a mix of the others.
    """
    values = check_returns(returns)[0]
    series = _on_sessions(factors, returns.index)
    sessions, count = series.shape
    if sessions <= count + 1:
        raise RiskError(
            f"exposures: {sessions} sessions for {count} factors",
            f"at least {count + 2} sessions, better {LEAST_SESSIONS}",
            "measure over more sessions or fewer factors",
        )
    _check_independent(series, factors.columns)
    if lags is None:
        lags = int(4.0 * (sessions / 100.0) ** (2.0 / 9.0))
    inverse = np.linalg.pinv(np.column_stack([np.ones(sessions), series]))
    coefficients = inverse @ values
    residual = values - coefficients[0] - series @ coefficients[1:]
    deviation = _newey_west(inverse * residual, check_count("lags", lags, least=0))
    shares = coefficients[1:] * ((values - values.mean()) @ (series - series.mean(axis=0)))
    shares = ratio(shares, np.full(count, ((values - values.mean()) ** 2).sum() if np.ptp(values) > 0.0 else 0.0))
    alpha_ann = (1.0 + coefficients[0]) ** SESSIONS_PER_YEAR - 1.0
    table = pd.DataFrame(
        {
            "coefficient": [alpha_ann, *coefficients[1:], np.nan],
            "t": [*ratio(coefficients, deviation), np.nan],
            "variance_share": [np.nan, *shares, 1.0 - shares.sum()],
        },
        index=["alpha_ann", *factors.columns, "residual"],
    )
    table.attrs.update(sessions=sessions, lags=lags)
    return table


def asset_slopes(window: Panel, factors: pd.DataFrame) -> pd.DataFrame:
    """Return the slopes of each asset on all factors together, assets x factors, in return per unit of the factor.

    window: simple returns per session, sessions x assets. factors: sessions x factors, as in `factor_exposures`. Each
    asset is fitted on the sessions where it and all factors are known; with fewer than 63 of them its slopes are NaN.
    RiskError when a factor is constant or a mix of the others.
    """
    series = np.asarray(factors.reindex(window.index).to_numpy(), dtype=np.float64)
    seen = np.isfinite(series).all(axis=1)
    slopes = np.full((window.shape[1], series.shape[1]), np.nan)
    if seen.sum() >= LEAST_SESSIONS:
        _check_independent(series[seen], factors.columns)
        slopes = _slopes(series[seen], np.asarray(window.to_numpy(), dtype=np.float64)[seen])
    return pd.DataFrame(slopes, index=window.columns, columns=factors.columns)


def beta_contributions(weights: "pd.Series[float]", estimate: RiskEstimate) -> pd.DataFrame:
    """Return the beta of each position to the benchmark, one asset a row: weight, beta, contribution.

    weights: fractions of equity by asset; cash is the rest and has beta 0. beta: slope over the estimate's window
    (see `asset_slopes`). contribution: weight times beta; sums to the beta of the book. Assets without a beta have
    NaN; those held are named in `attrs["notes"]`. MissingField when the estimate's facts hold no benchmark.
    """
    values = check_weights(weights)
    beta = asset_slopes(estimate.window, benchmark_of(estimate).to_frame("market"))["market"]
    table = pd.DataFrame({"weight": values, "beta": beta.reindex(weights.index).to_numpy()}, index=weights.index)
    table["contribution"] = table["weight"] * table["beta"]
    table.attrs["notes"] = unknown_note("no beta", weights.index, values, table["beta"].notna().to_numpy())
    return table


def benchmark_of(estimate: RiskEstimate) -> "pd.Series[float]":
    """Return the benchmark's returns by session from the estimate's facts; MissingField when there is none."""
    if estimate.facts.benchmark is None:
        raise MissingField(
            "the estimate's facts hold no benchmark",
            "facts.benchmark, the benchmark's returns over at least the estimate's window",
            "build the estimate with Facts(benchmark=...), or pass the market among the factors",
        )
    return estimate.facts.benchmark


def principal_factors(window: Panel, count: int = 3) -> pd.DataFrame:
    """Return the returns of the first `count` eigenportfolios of the window, sessions x factors (pc_1, pc_2, ...).

    window: simple returns per session, sessions x assets; assets with an unknown return (NaN) are left out and counted
    in `attrs["notes"]`. Eigenvectors of the correlation matrix over each asset's volatility, scaled to a gross weight
    of 1 and turned to a net weight above zero; uncorrelated over the window. They describe a window by all of it and
    are no signal at a session within it. RiskError with fewer usable assets than factors. Source: Avellaneda and Lee
    (2010), section 2.1.
    """
    check_count("count", count)
    returns = np.asarray(window.to_numpy(), dtype=np.float64)
    usable = np.isfinite(returns).all(axis=0) & (np.ptp(returns, axis=0) > 0.0) if len(returns) > 1 else np.array([])
    if usable.sum() < count:
        raise RiskError(
            f"principal factors: {int(usable.sum())} assets with complete returns over {len(returns)} sessions",
            f"at least {count}, one for each factor",
            "take a shorter window or fewer factors",
        )
    returns = returns[:, usable]
    deviation = returns.std(axis=0)
    _, vectors = np.linalg.eigh(np.atleast_2d(np.corrcoef(returns, rowvar=False)))
    portfolios = vectors[:, ::-1][:, :count] / deviation[:, None]
    portfolios /= np.abs(portfolios).sum(axis=0) * np.where(portfolios.sum(axis=0) < 0.0, -1.0, 1.0)
    factors = pd.DataFrame(
        returns @ portfolios, index=window.index, columns=[f"pc_{number + 1}" for number in range(count)]
    )
    left_out = int((~usable).sum())
    factors.attrs["notes"] = (f"{left_out} assets without complete returns left out",) if left_out else ()
    return factors


def _on_sessions(factors: pd.DataFrame, sessions: pd.Index) -> Array:
    if not isinstance(factors, pd.DataFrame):
        raise DataError(
            f"factors: a {type(factors).__name__} came",
            "a DataFrame of sessions x factors",
            "name a single factor with series.to_frame('market')",
        )
    missing = sessions[~sessions.isin(factors.index)]
    if len(missing):
        raise DataError(
            f"factors: nothing on {missing[0].date()} ({len(missing)} of {len(sessions)} sessions missing)",
            "a value on every session of the measured series",
            "cut the measured series to the sessions of the factors",
        )
    return check_returns(factors.loc[sessions], "factors").T


def _standardised(series: Array) -> tuple[Array, Array]:
    """Return the factors centred and scaled to norm 1, and their norms; a constant factor becomes zero."""
    centred = series - series.mean(axis=0)
    norm = np.sqrt((centred**2).sum(axis=0))
    norm[np.ptp(series, axis=0) == 0.0] = np.inf
    return centred / norm, norm


def _check_independent(series: Array, names: pd.Index) -> None:
    scaled, norm = _standardised(series)
    if not np.isfinite(norm).all():
        raise RiskError(
            f"factors: {names[int(np.argmax(~np.isfinite(norm)))]} never varies",
            "factors that move over the sessions measured",
            "leave it out",
        )
    _, sizes, directions = np.linalg.svd(scaled, full_matrices=False)
    if sizes[-1] <= COLLINEAR * sizes[0]:
        mixed = ", ".join(str(name) for name in names[np.abs(directions[-1]) > COLLINEAR])
        raise RiskError(
            f"factors: {mixed} are mixes of each other", "factors that are not sums of others", "leave one of them out"
        )


def _slopes(series: Array, returns: Array) -> Array:
    """Return least-squares slopes, assets x factors, from the moments over the sessions that each asset has."""
    scaled, norm = _standardised(series)
    known = np.isfinite(returns).astype(np.float64)
    sessions = known.sum(axis=0)
    enough = sessions >= LEAST_SESSIONS
    known, sessions, returns = known[:, enough], sessions[enough], returns[:, enough]
    centred = np.where(known > 0.0, returns - np.nanmean(returns, axis=0), 0.0)
    means = (known.T @ scaled) / sessions[:, None]
    squares = np.einsum("ta,ti,tj->aij", known, scaled, scaled, optimize=True) / sessions[:, None, None]
    spread = squares - means[:, :, None] * means[:, None, :]
    sizes = np.linalg.eigvalsh(spread)
    apart = sizes[:, 0] > COLLINEAR**2 * sizes[:, -1]
    slopes = np.full((len(enough), series.shape[1]), np.nan)
    together = (centred.T @ scaled / sessions[:, None])[apart, :, None]
    slopes[np.flatnonzero(enough)[apart]] = np.linalg.solve(spread[apart], together)[:, :, 0] / norm
    return slopes


def _newey_west(influence: Array, lags: int) -> Array:
    """Return standard errors from each session's influence on the coefficients, coefficients x sessions."""
    variance = (influence**2).sum(axis=1)
    for lag in range(1, min(lags, influence.shape[1] - 1) + 1):
        weight = 1.0 - lag / (lags + 1.0)
        variance += 2.0 * weight * (influence[:, lag:] * influence[:, :-lag]).sum(axis=1)
    deviation: Array = np.sqrt(variance)
    return deviation
