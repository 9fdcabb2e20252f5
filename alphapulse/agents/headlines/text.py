"""What of a headline is read: cleaned text, whether it is English, and its tokens."""

from __future__ import annotations

import re
import unicodedata

from alphapulse.agents.headlines.words import PHRASES, words

MOST_CHARACTERS = 500  # the longest real headline is half as long; what follows is an article
LEAST_LATIN = 0.7  # share of the letters

# Frequent words of other languages that are neither English nor usual in names (as "la", "des", "der", "und" are).
_FOREIGN = words(
    # German, Dutch
    "nicht auf für ein eine einen ist wird werden sich nach bei aus zum zur über auch durch vor gegen mehr "
    "unter gewinn umsatz verlust prozent milliarden millionen aktie aktien unternehmen steigt sinkt het een niet voor "
    "zijn naar winst omzet verlies procent miljoen miljard bedrijf stijgt daalt "
    # French
    "une dans avec ses qui que leur entre bénéfice bénéfices chiffre affaires perte hausse baisse "
    "milliards entreprise recul croissance annonce "
    # Spanish, Portuguese, Italian
    "una por para su según pero como más beneficio beneficios ganancias pérdidas acciones millones empresa suben cae "
    "aumenta um uma não seu mais lucro vendas prejuízo milhões bilhões ações gli che della delle nel nella alla degli "
    "sono utile ricavi perdita miliardi milioni azioni società cresce calano "
    # Swedish, Danish, Norwegian, Finnish
    "att är för på från inte vinst omsättning förlust miljoner miljarder aktien og ikke kroner overskud underskudd "
    "omsetning milliarder sekä että kasvoi liikevaihto liikevoitto prosenttia miljoonaa yhtiö osake "
    # Polish, Turkish, Indonesian
    "nie się jest dla przez oraz zysk strata przychody zł spółka bir için ile kâr zarar milyon milyar şirket untuk "
    "dengan laba rugi triliun perusahaan"
)
# Frequent English words that are rare in those languages ("in", "on", "as", "was", "will" are not).
_ENGLISH = words(
    "the of and to for with from by is are its after than says said his their has have had been more new up this that "
    "it over not would could may be were which who what how why but about into under against profit sales shares year "
    "quarter percent"
)

_UNSEEN = re.compile(
    r"[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\x00-\x08\x0e-\x1f]"
)
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_ABBREVIATION = re.compile(r"\b(inc|corp|co|ltd|vs|mr|mrs|dr|st|qtr|pct|mln|bln|adj|approx|est|no)\.")
_INITIALS = re.compile(r"\b(?:[a-z]\.){2,}")
_TOKEN = re.compile(
    r"(?:(?<![\w)])[-\u2212])?\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[$€£¥%]|[;:.?!](?=\s|$)|,(?=\s)|[()]|\s[-\u2013\u2014]\s"
)
_SYMBOLS = {"$": "usd", "€": "eur", "£": "gbp", "¥": "jpy", "%": "pct"}


def clean(text: object) -> str:
    """Return the text that is read, NFKC, one line, at most `MOST_CHARACTERS`; empty where there is nothing to read.

    Zero-width, bidirectional and control characters are dropped. Anything that is not text is empty.
    """
    if not isinstance(text, str):
        return ""
    seen = text[: 2 * MOST_CHARACTERS].strip()
    if not seen.isascii():
        seen = unicodedata.normalize("NFKC", _UNSEEN.sub("", seen))
    # A wire's list loses its comma to two spaces ("sales  profit rise").
    return re.sub(r"\s+", " ", re.sub(r"(?<=\w) {2,}(?=\w)", ", ", seen.strip()))[:MOST_CHARACTERS]


def is_english(text: str) -> bool:
    """Tell whether cleaned text can be read as English.

    It cannot if it has no letter, if fewer than `LEAST_LATIN` of its letters are Latin, or if it holds more frequent
    words of other European languages than English ones. Names and numbers alone pass: they say nothing, in English.
    """
    found = _WORD.findall(text.lower())
    if not found:
        return False
    if not text.isascii():
        letters = [letter for word in found for letter in word if letter.isalpha()]
        latin = sum(letter < "\u0250" or "\u1e00" <= letter < "\u1f00" for letter in letters)
        if latin < LEAST_LATIN * len(letters):
            return False
    foreign = sum(word in _FOREIGN for word in found)
    return foreign == 0 or foreign <= sum(word in _ENGLISH for word in found)


def tokens_of(text: str) -> list[str]:
    """Return the lower-case tokens of cleaned text: words, numbers, currencies, punctuation; phrases are one token."""
    lower = text.lower().replace("\u2019", "'")
    lower = _ABBREVIATION.sub(r"\1", _INITIALS.sub(lambda found: found[0].replace(".", ""), lower))
    found = [_SYMBOLS.get(token, token).strip() for token in _TOKEN.findall(lower)]
    return _join_phrases([token.removesuffix("'s") for token in found])


_LONGEST_FIRST: dict[str, list[tuple[list[str], str]]] = {}
for _phrase in sorted(PHRASES, key=len, reverse=True):
    _LONGEST_FIRST.setdefault(_phrase.split()[0], []).append((_phrase.split(), PHRASES[_phrase]))


def _join_phrases(tokens: list[str]) -> list[str]:
    if _LONGEST_FIRST.keys().isdisjoint(tokens):
        return tokens
    out: list[str] = []
    at = 0
    while at < len(tokens):
        for phrase, meaning in _LONGEST_FIRST.get(tokens[at], ()):
            if tokens[at : at + len(phrase)] == phrase:
                out += [meaning] if meaning else []
                at += len(phrase)
                break
        else:
            out.append(tokens[at])
            at += 1
    return out
