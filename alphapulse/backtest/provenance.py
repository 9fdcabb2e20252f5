"""Where a number comes from: versions of the code and of the packages it stands on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import alphapulse
from alphapulse.core.market import MarketData

PACKAGES = (
    "numpy",
    "pandas",
    "scipy",
    "numba",
    "scikit-learn",
    "skfolio",
    "arch",
    "exchange-calendars",
    "plotly",
    "vaderSentiment",
)


def provenance(name: str, market: MarketData, parameters: Mapping[str, Any], flags: Iterable[str]) -> dict[str, Any]:
    """Return all that is needed to run a result again: parameters, data fingerprint, code, package versions, flags."""
    return {
        "name": name,
        "parameters": dict(parameters),
        "seed": market.origin.get("seed"),
        "data": {
            "market": market.name,
            "origin": dict(market.origin),
            "fingerprint": market.fingerprint,
            "first_session": str(market.sessions[0].date()),
            "last_session": str(market.sessions[-1].date()),
            "sessions": len(market.sessions),
            "assets": len(market.assets),
        },
        "flags": list(flags),
        "code": code_version(),
        "packages": package_versions(),
    }


@cache
def code_version() -> str:
    """Return the package version and a digest of its source files, which tells uncommitted changes apart."""
    root = Path(alphapulse.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(str(path.relative_to(root)).encode())
        digest.update(path.read_bytes())
    return f"{alphapulse.__version__}+{digest.hexdigest()[:12]}"


@cache
def package_versions() -> dict[str, str]:
    """Return the installed versions of Python and of the packages that numbers depend on."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "absent"
    return versions
