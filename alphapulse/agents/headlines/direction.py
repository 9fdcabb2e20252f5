"""The directional rule: a measure and the way it moved give a headline its tone.

1. `_expectations` finds results above or below what was expected.
2. `_turns` finds swings from loss to profit and back.
3. `_movements` pairs each direction with the measure it moves (`_object_of`, `_subject_of`).
4. `comparisons.compare` reads two figures of one measure where no direction was paired.
5. `_pairs` finds contracts won and clearances; `_troubles` counts bad news that nothing moved.

Each event weighs `EVENT` on VADER's scale; denied it turns and halves, conceded ("despite") it counts nothing.
Source: Malo, Sinha, Korhonen, Wallenius and Takala 2014, "Good debt or bad debt", on directional dependency.
"""

from __future__ import annotations

from alphapulse.agents.headlines.comparisons import LOSSES, compare, is_number
from alphapulse.agents.headlines.words import (
    ADJECTIVES,
    ALONE,
    AUTHORITIES,
    BEATS,
    BEATS_ALONE,
    CAUSING,
    CLEARANCES,
    CONCEDING,
    CONTRACTS,
    DIRECTIONS,
    EXPECTATIONS,
    GAINS,
    MEASURES,
    MISSES,
    MISSES_ALONE,
    MOVING,
    NEGATIONS,
    TAKES_OBJECT,
    TROUBLES,
    words,
)

EVENT = 2.0
_DENIED = -0.5
_BEFORE = 14  # tokens searched for a subject
_AFTER = 6  # tokens searched for an object
_USED = "_"
_PEAKS = words("newhigh newlow record high highs milestone")

_SENTENCE = frozenset(";:.?!")
_LINKS = words("while but as after because whereas when since amid which that and")
_PREPOSITIONS = words("of for in from before after at with excluding on by to per within during")
_CLOSES = _SENTENCE | words(
    ", ( ) - \u2013 \u2014 on to from by as after for with at amid due despite but and while when until before since "
    "versus vs against compared than is was are were be has had have will would says said sees expects if or that"
)
_TURNING = words(
    "swing swings swung turn turns turned return returns returned back slip slips slipped sink sinks "
    "sank fell falls fall plunged plunges moves moved shifts shifted came"
)
_INTO = {
    "profit": 1.0,
    "profits": 1.0,
    "profitability": 1.0,
    "black": 1.0,
    "surplus": 1.0,
    "growth": 1.0,
    "loss": -1.0,
    "losses": -1.0,
    "red": -1.0,
    "deficit": -1.0,
    "unprofitable": -1.0,
}


def directional_valence(tokens: list[str]) -> tuple[float, list[str]]:
    """Return the valence of the tokens, 0 where nothing moves, and the tokens with those read replaced by "_".

    tokens: lower case, as `tokens_of` gives them. The valence is on VADER's scale, a few units either way.
    """
    left = list(tokens)
    value = _expectations(tokens, left) + _turns(tokens, left)
    moved, paired = _movements(tokens, left)
    value += moved
    if not paired and (better := compare(tokens)):
        value += EVENT * better
        _use(left, *(at for at, token in enumerate(tokens) if token in LOSSES))
    return value + _pairs(tokens, left) + _troubles(tokens, left), left


def _strength(tokens: list[str], at: int) -> float:
    """Return the factor that the words before an event give it: denied, conceded, or said before or after a but."""
    before = tokens[max(at - 4, 0) : at]
    denied = ";" not in before and any(word in NEGATIONS or word.endswith("n't") for word in before)
    factor = _DENIED if denied else 1.0
    for word in reversed(tokens[max(at - 6, 0) : at]):
        if word in CONCEDING:
            return 0.0
        if word == "," or word in _SENTENCE:
            break
    if "but" in tokens:
        factor *= 1.5 if at > tokens.index("but") else 0.5
    return factor


def _use(left: list[str], *places: int) -> None:
    for at in places:
        left[at] = _USED


def _expectations(tokens: list[str], left: list[str]) -> float:
    value = 0.0
    for at, token in enumerate(tokens):
        if token == "lessthanexpected":
            value += 1.5 * EVENT * (1.0 if _falls_before(tokens, at) else -1.0)
            _use(left, at)
        elif token in BEATS or token in MISSES:
            expected = _first(tokens, at, EXPECTATIONS)
            sign = 1.0 if token in BEATS else -1.0
            if expected is not None:
                value += sign * EVENT * _strength(tokens, at)
                _use(left, at, expected)
            elif token in BEATS_ALONE or token in MISSES_ALONE:
                value += sign * EVENT * _strength(tokens, at)
                _use(left, at)
    return value


def _falls_before(tokens: list[str], at: int) -> bool:
    return any(DIRECTIONS.get(token, 0.0) < 0.0 for token in tokens[max(at - 4, 0) : at])


def _first(tokens: list[str], at: int, wanted: frozenset[str]) -> int | None:
    for place in range(at + 1, min(at + 6, len(tokens))):
        if tokens[place] in wanted:
            return place
        if tokens[place] in _SENTENCE or tokens[place] in _LINKS:
            return None
    return None


def _turns(tokens: list[str], left: list[str]) -> float:
    """Read "swung to a loss", "returned to profit": a turn, then to or into, then where it led."""
    value = 0.0
    for at, token in enumerate(tokens):
        if token not in _TURNING:
            continue
        to = next((p for p in range(at + 1, min(at + 3, len(tokens))) if tokens[p] in ("to", "into", "in")), None)
        if to is None:
            continue
        for place in range(to + 1, min(to + 6, len(tokens))):
            if tokens[place] in _INTO:
                value += EVENT * _INTO[tokens[place]] * _strength(tokens, at)
                _use(left, at, place, *(p for p in range(at) if tokens[p] in TROUBLES and tokens[p] in _INTO))
                break
            if is_number(tokens[place]) or tokens[place] in _CLOSES:
                break
    return value


def _movements(tokens: list[str], left: list[str]) -> tuple[float, bool]:
    """Return the valence of all directions, and whether any of them moved a measure."""
    value, paired = 0.0, False
    places = [at for at, token in enumerate(tokens) if token in DIRECTIONS]
    for at in sorted(places, key=lambda place: tokens[place] in MOVING):  # what moves a growth comes before it
        if left[at] == _USED or (tokens[at] in ("hit", "hits") and _PEAKS & set(tokens[at + 1 : at + 4])):
            continue
        found = _measure_of(tokens, left, at)
        if found is not None:
            paired = True
            sign = DIRECTIONS[tokens[at]] * _polarity(tokens, left, found)
            value += EVENT * sign * _strength(tokens, at)
            _use(left, at, found)
        elif tokens[at] in ALONE:
            value += ALONE[tokens[at]] * _strength(tokens, at)
            _use(left, at)
        elif _by_per_cent(tokens, at):
            value += EVENT * 0.5 * DIRECTIONS[tokens[at]] * _strength(tokens, at)
            _use(left, at)
    return value, paired


def _measure_of(tokens: list[str], left: list[str], at: int) -> int | None:
    if tokens[at] in TAKES_OBJECT:
        found = _object_of(tokens, left, at)
        if found is None and (tokens[at] not in CAUSING or tokens[at + 1 : at + 2] == ["by"]):
            found = _subject_of(tokens, left, at)
        return found
    if tokens[at + 1 : at + 2] in (["in"], ["of"]):
        found = _object_of(tokens, left, at)
        if found is not None:
            return found
    found = _subject_of(tokens, left, at)
    return _object_of(tokens, left, at) if found is None else found


def _object_of(tokens: list[str], left: list[str], at: int) -> int | None:
    """Return the first measure after a direction, before the phrase closes."""
    for place in range(at + 1, min(at + 1 + _AFTER, len(tokens))):
        token = tokens[place]
        if token in MEASURES or token in MOVING:
            if MEASURES.get(token) == 0.0 and MEASURES.get("".join(tokens[place + 1 : place + 2])):
                continue  # "common stock dividend": the last noun is the measure
            return place if left[place] != _USED else None
        if token == "than" and tokens[place + 1 : place + 2] in (["expected"], ["forecast"], ["estimated"]):
            continue
        if token in _CLOSES or (token in DIRECTIONS and token not in ADJECTIVES):
            return None
    return None


def _subject_of(tokens: list[str], left: list[str], at: int) -> int | None:
    """Return the head of the noun phrase before a direction: in "cost of sales rose" the cost, not the sales."""
    nearest = None
    for place in range(at - 1, max(at - _BEFORE, 0) - 1, -1):
        token = tokens[place]
        if token in _SENTENCE or (nearest is not None and (token in _LINKS or token == ",")):
            break
        if token in _LINKS and token != "and":
            break
        if token in MEASURES or token in MOVING:
            if left[place] == _USED:
                break
            if nearest is None or _depends(tokens, place, nearest):
                nearest = place
                if not _after_preposition(tokens, place):
                    break
    return nearest


def _after_preposition(tokens: list[str], at: int) -> bool:
    return any(token in _PREPOSITIONS for token in tokens[max(at - 3, 0) : at])


def _depends(tokens: list[str], head: int, modifier: int) -> bool:
    return any(token in _PREPOSITIONS for token in tokens[head + 1 : modifier])


def _polarity(tokens: list[str], left: list[str], measure: int) -> float:
    token = tokens[measure]
    if token not in MOVING:
        return MEASURES[token]
    own = _measure_of(tokens, left, measure)
    return DIRECTIONS[token] * (MEASURES[tokens[own]] if own is not None else 1.0)


def _by_per_cent(tokens: list[str], at: int) -> bool:
    """Tell whether a per cent figure or an earlier figure follows: "up 5 %", "grew by more than 7 %", "up from"."""
    ahead = tokens[at + 1 : at + 7]
    for place, token in enumerate(ahead):
        if is_number(token):
            return "pct" in ahead[place + 1 : place + 2]
        if token in _CLOSES and token not in ("by", "to", "than"):
            return token == "from" and place == 0
    return False


def _pairs(tokens: list[str], left: list[str]) -> float:
    value = 0.0
    for first, second, reach in ((GAINS, CONTRACTS, 9), (AUTHORITIES, CLEARANCES, 9), (CLEARANCES, AUTHORITIES, 6)):
        for at, token in enumerate(tokens):
            if token in first and left[at] != _USED:
                ahead = range(at + 1, min(at + 1 + reach, len(tokens)))
                partner = next((p for p in ahead if tokens[p] in second and left[p] != _USED), None)
                if partner is not None:
                    value += EVENT * _strength(tokens, at)
                    _use(left, at, partner)
    return value


def _troubles(tokens: list[str], left: list[str]) -> float:
    value = 0.0
    for at, token in enumerate(tokens):
        if token in TROUBLES and left[at] != _USED:
            value += TROUBLES[token] * _strength(tokens, at)
            _use(left, at)
    return value
