"""Tails of one return under five laws: its quantile (VaR) and its mean beyond the quantile (CVaR).

Each law takes a `Sample` and a level and returns the two as arrays, one value a series; a negative value is a loss.
They are NaN where the law cannot be fitted: on returns that never vary, and for Student's t see `fit_student`. Normal
and Cornish-Fisher use the moments of the sample as they are (divided by the number of sessions), which for the normal
law is maximum likelihood, as in R's PerformanceAnalytics.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from alphapulse.core.stats import Array
from alphapulse.risk import measures
from alphapulse.risk.levels import tail_share
from alphapulse.risk.sample import Sample
from alphapulse.risk.student import fit_student

Tails: TypeAlias = tuple[Array, Array]
REACH = 9.0  # deviations, beyond which a normal value is not worth counting
ROOT_OF_TWO_PI = float(np.sqrt(2.0 * np.pi))


def historical(sample: Sample, level: float) -> Tails:
    """Return the quantile of the returns and the mean of those up to it; never NaN."""
    return measures.value_at_risk.formula(sample, level), measures.conditional_value_at_risk.formula(sample, level)


def normal(sample: Sample, level: float) -> Tails:
    """Return VaR and CVaR of the normal law with the mean and the standard deviation of the returns."""
    from scipy.special import ndtri

    tail = tail_share(level)
    quantile = float(ndtri(tail))
    mean, deviation = _mean_and_deviation(sample)
    return mean + deviation * quantile, mean - deviation * float(_density(quantile)) / tail


def student_t(sample: Sample, level: float) -> Tails:
    """Return VaR and CVaR of Student's t, fitted by `fit_student`."""
    from scipy.special import stdtrit

    tail = tail_share(level)
    location, scale, degrees = fit_student(sample.values)
    quantile = stdtrit(degrees, tail)
    return location + scale * quantile, location + scale * mean_below(degrees, quantile, tail)


def mean_below(degrees: Array | float, quantile: Array | float, tail: float) -> Array:
    """Return the mean of a standard Student t below its quantile at probability `tail`; degrees: above 1.

    -(degrees + q^2) / (degrees - 1) density(q) / tail, as in McNeil, Frey and Embrechts (2015), chapter 2.
    """
    from scipy.special import gammaln

    half = (degrees + 1.0) / 2.0
    constant = gammaln(half) - gammaln(degrees / 2.0) - np.log(degrees * np.pi) / 2.0
    density = np.exp(constant - half * np.log1p(np.square(quantile) / degrees))
    mean: Array = -(degrees + np.square(quantile)) / (degrees - 1.0) * density / tail
    return mean


def cornish_fisher(sample: Sample, level: float) -> Tails:
    """Return VaR and CVaR by the Cornish-Fisher expansion of the sample's moments; see `expanded_quantile`."""
    mean, deviation = _mean_and_deviation(sample)
    quantile, beyond = expanded_quantile(measures.skew.formula(sample), measures.kurtosis.formula(sample), level)
    return mean + deviation * quantile, mean + deviation * beyond


def expanded_quantile(skew: Array, kurtosis: Array, level: float) -> Tails:
    """Return the quantile of a standardised return, and the mean below it, from its skewness and excess kurtosis.

    The quantile is the cubic w(z) of the normal quantile z in Zangari (1996) and Favre and Galeano (2002). The mean
    below it integrates the same cubic (Maillard 2012), so that CVaR is never above VaR; the modified expected shortfall
    of Boudt, Peterson and Croux (2008) integrates the Edgeworth density instead and does not promise that.

    The cubic rises throughout only for small skewness and for excess kurtosis from 0 to 8 (Maillard 2012), and many
    windows of daily returns lie outside. There quantiles may come in the wrong order. Where that touches this level
    they are put in order (Chernozhukov, Fernandez-Val and Galichon 2010): the quantile is the y with
    P(w(Z) <= y) = 1 - level, the mean is that of w(Z) below y. Elsewhere this is the cubic itself.

    Order is not accuracy. For a Student t of excess kurtosis 3, 8 and 20 the quantile at 99 % is -2.6 throughout and
    the expansion says -3.0, -4.2 and -7.0; at 95 % it is close. Far out in heavy tails prefer student_t.
    """
    from scipy.special import ndtri

    tail = tail_share(level)
    z = float(ndtri(tail))
    cubic, square, linear, constant = _expansion(skew, kurtosis)
    quantile = ((cubic * z + square) * z + linear) * z + constant
    beyond = _integral(skew, kurtosis, np.array(z)) / tail
    # w(x) - w(z) = (x - z)(cubic x^2 + b x + c): a second root means that returns worse than w(z) lie right of z
    b = cubic * z + square
    c = b * z + linear
    ordered = (cubic > 0.0) & (b * b < 4.0 * cubic * c) | (skew == 0.0) & (kurtosis == 0.0)
    for k in np.flatnonzero(~ordered & np.isfinite(quantile)):
        quantile[k], beyond[k] = _rearranged(float(skew[k]), float(kurtosis[k]), tail)
    return quantile, beyond


def _expansion(skew: Array, kurtosis: Array) -> tuple[Array, Array, Array, Array]:
    """Return the coefficients of w(z) = z + (z^2 - 1) s/6 + (z^3 - 3z) k/24 - (2z^3 - 5z) s^2/36, highest first."""
    squared = skew**2 / 36.0
    return kurtosis / 24.0 - 2.0 * squared, skew / 6.0, 1.0 - kurtosis / 8.0 + 5.0 * squared, -skew / 6.0


def _integral(skew: Array | float, kurtosis: Array | float, z: Array) -> Array:
    """Return the integral of w times the normal density from minus infinity to z, through Hermite polynomials."""
    terms: Array = 1.0 + z * skew / 6.0 + (z**2 - 1.0) * kurtosis / 24.0 - (2.0 * z**2 - 1.0) * skew**2 / 36.0
    return -_density(z) * terms


def _rearranged(skew: float, kurtosis: float, tail: float) -> tuple[float, float]:
    from scipy.optimize import brentq
    from scipy.special import ndtr

    coefficients = np.array([float(value) for value in _expansion(np.array(skew), np.array(kurtosis))])
    coefficients[np.abs(coefficients) * REACH ** np.arange(3.0, -1.0, -1.0) < 1e-12] = 0.0

    def below(y: float) -> tuple[Array, Array]:
        """Return the ends of the stretches of z on which w(z) <= y."""
        roots = np.roots([*coefficients[:3], coefficients[3] - y])
        real = np.sort(roots[np.abs(roots.imag) < 1e-9 * (1.0 + np.abs(roots))].real)
        ends = np.concatenate([[-REACH], np.clip(real, -REACH, REACH), [REACH]])
        inside = np.polyval(coefficients, (ends[1:] + ends[:-1]) / 2.0) <= y
        return ends[:-1][inside], ends[1:][inside]

    def excess(y: float) -> float:
        left, right = below(y)
        return float((ndtr(right) - ndtr(left)).sum()) - tail

    bound = np.abs(np.polyval(np.abs(coefficients), REACH))
    y = float(brentq(excess, -bound, bound, xtol=1e-12))
    left, right = below(y)
    mass = float((_integral(skew, kurtosis, right) - _integral(skew, kurtosis, left)).sum())
    return y, mass / tail


def _mean_and_deviation(sample: Sample) -> Tails:
    totals = sample.totals
    flat = totals.lowest == totals.highest
    return totals.mean, np.where(flat, np.nan, np.sqrt(totals.second / sample.sessions))


def _density(z: Array | float) -> Array:
    density: Array = np.exp(-np.square(z) / 2.0) / ROOT_OF_TWO_PI
    return density
