"""Configuration: unknown keys and impossible values are refused by name."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.config import EngineConfig
from core.config_base import Strict, read_mapping, read_yaml, with_overrides
from core.errors import ConfigError


class Inner(Strict):
    rate_hz: float = 5.0


class Outer(Strict):
    inner: Inner = Inner()
    name: str = "x"


def test_an_unknown_key_is_named_with_its_neighbour():
    with pytest.raises(ConfigError) as caught:
        Outer.from_mapping({"inner": {"rate_hs": 3}}, where="file.yaml")
    assert str(caught.value) == "file.yaml: unknown key inner.rate_hs. Did you mean rate_hz?"


def test_every_mistake_is_told_at_once():
    with pytest.raises(ConfigError) as caught:
        Outer.from_mapping({"inner": {"rate_hz": "fast"}, "qqq": 1}, where="file.yaml")
    assert "inner.rate_hz" in str(caught.value)
    assert "unknown key qqq." in str(caught.value)


def test_a_value_cannot_be_changed_afterwards():
    with pytest.raises(ValidationError, match="frozen"):
        Outer().name = "y"


@pytest.mark.parametrize("number", [".nan", ".inf"])
def test_numbers_that_are_none_are_refused(tmp_path, number):
    (tmp_path / "c.yaml").write_text(f"inner: {{rate_hz: {number}}}")
    with pytest.raises(ConfigError, match="finite"):
        Outer.from_yaml(tmp_path / "c.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    (tmp_path / "c.yaml").write_text("# nothing here\n")
    assert Outer.from_yaml(tmp_path / "c.yaml") == Outer()


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"- a\n- b\n", "not a mapping"), (b"a: [", "not YAML"), (b"\xff\xfe\x00", "not YAML")],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content, problem):
    path = tmp_path / "c.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=problem):
        Outer.from_yaml(path)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.yaml.*cannot be read"):
        Outer.from_yaml(tmp_path / "none.yaml")


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "y", "NO"])
def test_only_true_and_false_are_booleans(word):
    assert read_yaml(f"language: {word}") == {"language": word}
    assert read_yaml("a: true\nb: False") == {"a": True, "b": False}


def test_overrides_reach_into_groups_and_leave_the_original_alone():
    values = {"inner": {"rate_hz": 1.0}}
    changed = with_overrides(values, ["inner.rate_hz=2.5", "name=a=b", "new.key=true"])
    assert changed == {"inner": {"rate_hz": 2.5}, "name": "a=b", "new": {"key": True}}
    assert values == {"inner": {"rate_hz": 1.0}}


@pytest.mark.parametrize(
    ("assignment", "problem"),
    [("name", "not of the form"), ("=3", "not of the form"), ("name.x=3", "is a value"), ("a=[", "not YAML")],
)
def test_an_override_that_cannot_be_is_refused(assignment, problem):
    with pytest.raises(ConfigError, match=problem):
        with_overrides({"name": "x"}, [assignment])


@pytest.mark.parametrize(
    "values",
    [
        {"voice": {"on": 1.5}},
        {"voice": {"max_turn_s": 60}},
        {"faces": {"rate_hz": 0}},
        {"estimates": {"hop_s": -1}},
        {"latency_s": {"dance": 1}},
    ],
)
def test_values_out_of_range_are_refused(values):
    with pytest.raises(ConfigError):
        EngineConfig.from_mapping(values, where="test")


BOMB = "a0: &a0 {x: 1, y: 2}\n" + "".join(
    f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}], k{n}: 1}}\n" for n in range(1, 9)
)
"""Eight levels of merges of nine each: 43 million pairs."""
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "more than 100000 values"),
        (LAUGHS, "more than 100000 values"),
        ("a: &a [*a]", "nested too deeply"),
        ("[" * 5000 + "]" * 5000, "nested too deeply"),
        ("{a: " * 60 + "1" + "}" * 60, "nested too deeply"),
        ("a: " + "9" * 5000, "cannot be read"),
        ("a: !!timestamp 2024-13-45", "cannot be read"),
        ("a: !!int x", "cannot be read"),
        ("a: \0", "not allowed"),
        ("# " + "x" * 1_000_001, "longer than 1000000 characters"),
    ],
    ids=["merges", "aliases", "circle", "brackets", "levels", "digits", "date", "integer", "nul", "length"],
)
def test_a_hostile_document_is_one_message_at_once(text, said, tmp_path):
    path = tmp_path / "hostile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=said) as refused:
        read_mapping(path)
    assert (refused.value.exit_code, str(path) in str(refused.value)) == (2, True)
    with pytest.raises(ConfigError, match=said):
        with_overrides({}, [f"key={text}"])


def test_a_date_is_text_and_moderate_aliases_are_written_out():
    assert read_yaml("2024-13-45") == "2024-13-45"
    assert read_yaml("2024-01-31") == "2024-01-31"
    assert read_yaml("{a: &a {x: 1}, b: {<<: *a, y: 2}, c: [*a, *a]}") == {
        "a": {"x": 1},
        "b": {"x": 1, "y": 2},
        "c": [{"x": 1}, {"x": 1}],
    }
