"""Parameters: a YAML file, a validated mapping and a notebook's cell say the same."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from papermill.translators import PythonTranslator

import alphapulse as ap
from alphapulse.core.errors import ParamsError
from alphapulse.params import RunParams, load_params, parse_change, validated
from alphapulse.plain import parsed, plain

PARAMS = sorted((Path(__file__).parent.parent / "params").glob("*.yaml"))

names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn", "Zl", "Zp"]), max_size=30),
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)


def written(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("path", PARAMS, ids=lambda path: path.stem)
def test_every_parameter_file_builds_a_strategy(path: Path) -> None:
    mapping = load_params(path)
    strategy = ap.Strategy.from_params(mapping)
    assert list(mapping) == list(RunParams.model_fields)
    described = strategy.described()
    assert described["execution"] == mapping["execution"]
    assert described["sizing"] == mapping["sizing"]
    assert described["estimates"]["covariance"] == mapping["portfolio"]["covariance"]
    assert strategy.portfolio.lookback == mapping["portfolio"]["lookback"]


def test_there_are_parameter_files() -> None:
    assert {path.stem for path in PARAMS} >= {"sample", "simulated_500", "evaluation_gold"}


def test_defaults_fill_what_a_file_leaves_out(tmp_path: Path) -> None:
    mapping = load_params(written(tmp_path, "name: tiny\nportfolio: {lookback: 21}\n"))
    assert mapping == {
        **RunParams(name="tiny").model_dump(),
        "portfolio": {**RunParams().portfolio.model_dump(), "lookback": 21},
    }


def test_validating_twice_changes_nothing() -> None:
    once = validated({"data": {"start": date(2018, 1, 2)}, "execution": {"capital": 5}})
    assert validated(once) == once
    assert once["data"]["start"] == "2018-01-02"
    assert once["execution"]["capital"] == 5.0


def test_what_was_handed_in_is_left_alone() -> None:
    given = {"data": {"name": "sample", "assets": ["KO"]}}
    result = validated(given)
    result["data"]["assets"].append("PEP")
    assert given == {"data": {"name": "sample", "assets": ["KO"]}}


def test_a_weighting_takes_its_options(tmp_path: Path) -> None:
    text = "agents: {weighting: trailing_ic, options: {horizon: 5}, use: {technical: {}, value: {}}}\n"
    strategy = ap.Strategy.from_params(load_params(written(tmp_path, text)))
    assert "TrailingIC(horizon=5" in strategy.described()["agent"]
    with pytest.raises(ParamsError, match="did you mean horizon"):
        ap.Strategy.from_params(load_params(written(tmp_path, text.replace("horizon", "horizn"))))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2018-01-01", "2018-01-01"),  # a date is text, as a source of data takes it
        ("[ON, NO, Y, T]", ["ON", "NO", "Y", "T"]),  # tickers are not booleans
        ("1e7", 1e7),
        ("-.5E-3", -0.0005),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("010", "010"),
        ("0", 0),
        ("null", None),
        ("", None),
        ("true", True),
        ("~", None),
    ],
)
def test_plain_values_of_yaml(text: str, value: object) -> None:
    assert parsed(text) == value
    assert type(parsed(text)) is type(value)


def test_changes_replace_single_values(tmp_path: Path) -> None:
    path = written(tmp_path, "name: tiny\nportfolio: {lookback: 21, select: 0.3}\n")
    changes = dict(
        map(parse_change, ["portfolio.lookback=42", "risk.max_position.weight=0.1", "data.start=2018-01-01"])
    )
    mapping = load_params(path, changes)
    assert mapping["portfolio"]["lookback"] == 42
    assert mapping["portfolio"]["select"] == 0.3
    assert mapping["risk"] == {"max_position": {"weight": 0.1}}
    assert mapping["data"]["start"] == "2018-01-01"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("portfolio.lookback", "equals sign"),
        ("=5", "equals sign"),
        ("name=[", "--set name=["),
        ("name=!!python/object:os.system x", "could not determine a constructor"),
    ],
)
def test_a_malformed_change_is_refused(change: str, words: str) -> None:
    with pytest.raises(ParamsError) as caught:
        parse_change(change)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("portfolio.lokback", 42, "did you mean lookback?"),
        ("portfolio.lookback.days", 42, "portfolio.lookback.days"),
        ("portfolio.", 42, "the key ''"),
        ("execution.costs.commision_bps", 1.0, "did you mean commission_bps?"),
        ("portfolio.lookback", "42", "valid integer"),
    ],
)
def test_a_wrong_change_is_refused(tmp_path: Path, key: str, value: object, words: str) -> None:
    path = written(tmp_path, "name: tiny\nportfolio: {lookback: 21}\n")
    with pytest.raises(ParamsError) as caught:
        load_params(path, {key: value})
    assert words in str(caught.value)


@given(values)
def test_a_notebook_cell_holds_what_the_file_held(value: object) -> None:
    """papermill pastes parameters as code: for plain values that code gives the value back, and runs nothing."""
    assert eval(PythonTranslator.translate(plain(value, "value")), {"__builtins__": {}}) == value


@given(values)
def test_json_is_read_as_it_stands(value: object) -> None:
    """JSON is a part of YAML 1.2; the other dialect reads 1e5 as text and NO as false."""
    assert plain(parsed(json.dumps(value, ensure_ascii=False)), "value") == value


@pytest.mark.parametrize("use", ["[technical, value]", "{technical: , value: {}}"])
def test_agents_may_be_a_list_or_have_nothing_after_their_name(use: str, tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text(f"agents: {{use: {use}}}\n", encoding="utf-8")
    assert ap.load_params(file)["agents"]["use"] == {"technical": {}, "value": {}}


def test_options_put_into_the_weighting_are_told_where_they_belong(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("agents: {weighting: {trailing_ic: {horizon: 5}}}\n", encoding="utf-8")
    with pytest.raises(ap.AlphaPulseError, match="options stand beside it"):
        ap.load_params(file)
