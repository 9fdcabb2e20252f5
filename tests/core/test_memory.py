"""What is remembered: once for the same owners, apart for others, and no longer than they live."""

from __future__ import annotations

import gc
import weakref

import pandas as pd

from alphapulse.core.memory import once


class Owner:
    pass


def counted():
    calls = []

    @once
    def work(owner: Owner, *rest: object) -> list[object]:
        calls.append(rest)
        return [*rest]

    return work, calls


def test_the_same_arguments_are_computed_once() -> None:
    work, calls = counted()
    owner, other = Owner(), Owner()
    assert work(owner, "beta", 252) is work(owner, "beta", 252)
    assert work(owner, "beta", 21) is not work(owner, "beta", 252)
    assert work(other, "beta", 252) is not work(owner, "beta", 252)
    assert calls == [("beta", 252), ("beta", 21), ("beta", 252)]


def test_objects_are_told_apart_by_identity() -> None:
    work, calls = counted()
    owner, first, second = Owner(), Owner(), Owner()
    work(owner, first)
    work(owner, second)
    work(owner, first)
    assert len(calls) == 2


def test_nothing_outlives_its_owners() -> None:
    class Result:
        pass

    @once
    def work(owner: Owner, agent: Owner) -> Result:
        return Result()

    owner, agent = Owner(), Owner()
    of_agent = weakref.ref(work(owner, agent))
    del agent
    gc.collect()
    assert of_agent() is None
    kept = Owner()
    of_owner = weakref.ref(work(owner, kept))
    del owner
    gc.collect()
    assert of_owner() is None


def test_writing_into_a_remembered_frame_leaves_the_memory_alone() -> None:
    @once
    def work(owner: Owner) -> pd.DataFrame:
        return pd.DataFrame({"A": [1.0, 2.0]})

    owner = Owner()
    work(owner).iloc[0, 0] = 9.0
    assert work(owner)["A"].tolist() == [1.0, 2.0]
