"""Two figures of one measure: "profit of EUR 13.1 mn compared to a loss of EUR 2 mn" is good news without a verb."""

from __future__ import annotations

import re

from alphapulse.agents.headlines.words import MEASURES, words

_AGAINST = words("compared versus vs against from (")
_SCALES = {
    **dict.fromkeys(("k", "thousand"), 1e3),
    **dict.fromkeys(("m", "mn", "mln", "million", "mio"), 1e6),
    **dict.fromkeys(("b", "bn", "bln", "billion"), 1e9),
    "pct": 0.01,
}
_CURRENCIES = words("eur usd gbp jpy sek nok dkk chf cad aud cny inr rub pln eek ltl lvl euro euros")
LOSSES = words("loss losses deficit")
_GAINS = words("profit profits surplus income earnings ebit ebitda")
_NUMBER = re.compile(r"[-\u2212]?\d+(?:[.,]\d+)*")
_NEAR = 8  # tokens in which the other figure, or the measure of a figure, stands


def is_number(token: str) -> bool:
    """Tell whether a token is a figure."""
    return _NUMBER.fullmatch(token) is not None


def compare(tokens: list[str]) -> float:
    """Return 1 if the first of two compared figures is the better news, -1 if the second is, 0 without a comparison.

    Figures are compared in one unit and one currency; years and dates are no figures.
    """
    for at, token in enumerate(tokens):
        if token not in _AGAINST:
            continue
        before = next((p for p in range(at - 1, max(at - _NEAR, -1), -1) if _is_figure(tokens, p)), None)
        after = next((p for p in range(at + 1, min(at + 1 + _NEAR, len(tokens))) if _is_figure(tokens, p)), None)
        if (word := _without_figures(tokens, at)) and (before is None or after is None):
            return word
        if before is None or after is None or (token == "(" and ")" not in tokens[after:]):
            continue
        measure = next(
            (p for p in range(before - 1, max(before - 2 * _NEAR, 0) - 1, -1) if tokens[p] in MEASURES), None
        )
        if measure is None or not _same_unit(tokens, before, after):
            continue
        return _better(tokens, measure, before, at, after)
    return 0.0


def _without_figures(tokens: list[str], at: int) -> float:
    """Read "profit versus a loss" and "loss against a profit"."""
    if tokens[at] in ("from", "("):
        return 0.0
    now, then = set(tokens[max(at - 4, 0) : at]), set(tokens[at + 1 : at + 5])
    return float(bool(now & _GAINS and then & LOSSES)) - float(bool(now & LOSSES and then & _GAINS))


def _better(tokens: list[str], measure: int, before: int, at: int, after: int) -> float:
    now, then = _amounts(tokens, before, after)
    between = set(tokens[at:after])
    if tokens[measure] in LOSSES or tokens[measure] in _GAINS:
        losing = tokens[measure] in LOSSES
        now = -abs(now) if losing else now
        if between & LOSSES or (losing and not between & _GAINS):
            then = -abs(then)
        return float((now > then) - (now < then))
    return MEASURES[tokens[measure]] * float((now > then) - (now < then))


def _is_figure(tokens: list[str], at: int) -> bool:
    if not is_number(tokens[at]):
        return False
    value = _value(tokens[at])
    if value is None:
        return False
    plain = tokens[at].isdigit() and not _unit(tokens, at) and _currency(tokens, at) == ""
    return not (plain and (1900 <= value <= 2100 or value < 32))


def _value(token: str) -> float | None:
    text = token.replace("\u2212", "-")
    if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    text = text.replace(",", ".")
    return float(text) if text.count(".") <= 1 else None


def _unit(tokens: list[str], at: int) -> str:
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    return following if following in _SCALES else ""


def _currency(tokens: list[str], at: int) -> str:
    beside = [*tokens[max(at - 1, 0) : at], *tokens[at + 1 : at + 3]]
    found = next((token for token in beside if token in _CURRENCIES), "")
    return "eur" if found.startswith("eur") else found


def _same_unit(tokens: list[str], first: int, second: int) -> bool:
    currencies = {_currency(tokens, first), _currency(tokens, second)} - {""}
    shares = [_unit(tokens, place) == "pct" for place in (first, second)]
    return len(currencies) <= 1 and shares[0] == shares[1]


def _amounts(tokens: list[str], first: int, second: int) -> tuple[float, float]:
    """Return both figures in one scale; a figure without a scale has the other's."""
    units = [_unit(tokens, place) for place in (first, second)]
    scales = [_SCALES[unit or other] if unit or other else 1.0 for unit, other in (units, units[::-1])]
    values = [_value(tokens[place]) or 0.0 for place in (first, second)]
    return values[0] * scales[0], values[1] * scales[1]
