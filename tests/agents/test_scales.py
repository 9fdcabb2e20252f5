"""Evidence made comparable: ranks, robust distances and margins against plain numpy, by group and by thread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation, rankdata

from alphapulse.agents import compiling
from alphapulse.agents.ranks import ranked
from alphapulse.agents.scales import SCALES, add_votes


def votes(raw: np.ndarray, scale: str, groups: np.ndarray | None = None, members: np.ndarray | None = None):
    total, available = np.zeros(raw.shape), np.zeros(raw.shape)
    everyone = np.zeros(raw.shape[1], dtype=np.int64) if groups is None else groups
    inside = np.ones(raw.shape, dtype=bool) if members is None else members
    add_votes(raw, inside, 1.0, 1, scale, everyone, total, available)
    return np.where(available > 0.0, total, np.nan)


def oracle(values: np.ndarray, scale: str) -> np.ndarray:
    """One session's known values, by numpy and scipy."""
    if scale == "rank":
        return (2.0 * rankdata(values) - 1.0) / len(values) - 1.0
    if scale == "given":
        return np.clip(values, -1.0, 1.0)
    deviation = 1.4826 * median_abs_deviation(values)
    if deviation == 0.0:
        deviation = 1.2533 * np.abs(values - np.median(values)).mean()
    distance = values - (np.median(values) if scale == "zscore" else 0.0)
    return np.clip(distance / deviation, -3.0, 3.0) / 3.0 if deviation > 0.0 else np.sign(distance)


@st.composite
def panels(draw: st.DrawFn) -> np.ndarray:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    raw = random.standard_normal((draw(st.integers(1, 12)), draw(st.integers(1, 30))))
    if draw(st.booleans()):
        raw = np.round(raw)  # ties
    if draw(st.booleans()):
        raw = np.cumsum(raw, axis=0)  # an order that moves slowly
    raw[random.random(raw.shape) < draw(st.sampled_from([0.0, 0.2, 0.9]))] = np.nan
    return raw


@pytest.mark.parametrize("scale", SCALES)
@given(raw=panels(), groups=st.integers(1, 4))
def test_each_scale_equals_numpy_group_by_group(scale: str, raw: np.ndarray, groups: int) -> None:
    codes = np.arange(raw.shape[1]) % groups
    got = votes(raw, scale, codes)
    for row in range(len(raw)):
        known = ~np.isnan(raw[row])
        everyone = np.full(raw.shape[1], np.nan)
        everyone[known] = oracle(raw[row, known], scale) if known.any() else 0.0
        for code in range(groups):
            inside = (codes == code) & known
            peers = inside.sum() >= 5 or groups == 1  # fewer are compared with everyone
            wanted = oracle(raw[row, inside], scale) if peers and inside.any() else everyone[inside]
            np.testing.assert_allclose(got[row, inside], wanted, rtol=0, atol=1e-12)
    assert (np.isnan(got) == np.isnan(raw)).all()


@pytest.mark.parametrize("scale", SCALES)
def test_outsiders_and_infinities_are_not_compared(scale: str) -> None:
    raw = np.array([[1.0, 2.0, 1e9, np.inf, 3.0]])
    members = np.array([[True, True, False, True, True]])
    got = votes(raw, scale, members=members)
    assert np.isnan(got[0, 2:4]).all()
    np.testing.assert_allclose(got[0, [0, 1, 4]], oracle(np.array([1.0, 2.0, 3.0]), scale))


def test_one_outlier_moves_a_rank_by_one_place_and_a_distance_not_at_all() -> None:
    raw = np.arange(9.0)[None, :]
    wild = raw.copy()
    wild[0, 8] = 1e12
    for scale in ("rank", "zscore"):
        np.testing.assert_allclose(votes(wild, scale)[0, :8], votes(raw, scale)[0, :8])


@pytest.mark.parametrize("margins", [[0.1, 0.2, 0.5], [5.0, 5.0, 5.0], [2.0]])
def test_a_margin_keeps_its_sign(margins: list[float]) -> None:
    assert (votes(np.array([margins]), "margin") > 0.0).all()
    assert (votes(-np.array([margins]), "margin") < 0.0).all()


def test_many_rows_shared_among_threads_are_ranked_as_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "CELLS_A_THREAD", 1)  # as many parts as there are processors
    random = np.random.default_rng(0)
    raw = np.cumsum(random.standard_normal((1500, 20)), axis=0)
    whole = ranked(raw)
    assert all(np.array_equal(whole[row : row + 1], ranked(raw[row : row + 1])) for row in range(0, 1500, 37))


def test_a_constant_session_says_nothing_either_way() -> None:
    for scale in ("rank", "zscore"):
        assert (votes(np.full((2, 5), 7.0), scale) == 0.0).all()
