"""The configuration of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config_base import read_yaml
from core.errors import ConfigError
from core.resources import shipped
from realtime.config import ReplayConfig, resolve


def test_the_shipped_file_shows_every_key_with_its_default() -> None:
    text = shipped("configs/replay.yaml").read_text(encoding="utf-8")
    assert read_yaml(text) == ReplayConfig().model_dump(mode="json")


def test_every_shipped_file_begins_with_the_command_that_runs_it() -> None:
    first, _, _ = shipped("configs/replay.yaml").read_text(encoding="utf-8").partition("\n")
    assert first == "# emotrack replay interview.mp4 --config configs/replay.yaml"


def test_later_wins_defaults_file_options_assignments(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("whisper: {size: tiny, language: de, threads: 3}\nfeed: {port: 1}\n")
    options = {"whisper.language": "en", "feed.port": 2, "run.out": None, "source.pace": None}
    config = resolve(file, options, ["feed.port=3"])
    assert (config.whisper.size, config.whisper.language, config.whisper.threads) == ("tiny", "en", 3)
    assert config.feed.port == 3
    assert config.run.out is None
    assert config.source.pace == "realtime"


def test_a_resolved_configuration_makes_the_same_run_again(tmp_path: Path) -> None:
    config = resolve(None, {"run.out": tmp_path / "run", "source.pace": "2"}, ["engine.faces.rate_hz=3"])
    file = tmp_path / "config.yaml"
    file.write_text(config.to_yaml())
    assert resolve(file, {}, []) == config


@pytest.mark.parametrize(
    ("given", "meant"), [("max", "max"), ("realtime", "realtime"), (1, "realtime"), ("2", "2"), (0.5, "0.5")]
)
def test_a_pace_is_a_word_or_a_factor(given: object, meant: str) -> None:
    assert resolve(None, {"source.pace": given}, []).source.pace == meant


@pytest.mark.parametrize("given", ["fast", "0", "-1", "nan", "inf", ""])
def test_another_pace_is_refused_with_what_is_possible(given: str) -> None:
    with pytest.raises(ConfigError, match=r'source\.pace: .*"max", "realtime", or a number above 0'):
        resolve(None, {"source.pace": given}, [])


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("feed.prt=1", "unknown key feed.prt. Did you mean port?"),
        ("engine.voice.end_pause=1", "Did you mean end_pause_s?"),
        ("whisperr.size=base", "Did you mean whisper?"),
        ("feed.port=70000", "feed.port: Input should be less than or equal to 65535"),
        ("feed.port", "is not of the form a.b=value"),
        ("feed.port.x=1", "port is a value"),
        ("whisper.language=English", "whisper.language"),
        ("whisper.size=the base", "whisper.size"),
    ],
)
def test_a_wrong_assignment_names_the_key_and_what_is_wrong(assignment: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(None, {"feed.port": 8765}, [assignment])
    assert message in str(caught.value)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "run.yaml"
    file.write_text("feed: {prt: 1}\n")
    with pytest.raises(ConfigError) as caught:
        resolve(file, {}, [])
    assert str(caught.value).startswith(f"{file}: unknown key feed.prt")


def test_words_that_old_yaml_took_for_booleans_are_words() -> None:
    config = resolve(None, {}, ["whisper.language=no", "feed.enabled=false"])
    assert config.whisper.language == "no"
    assert config.feed.enabled is False
    assert read_yaml("on: 0.5") == {"on": 0.5}


def test_a_value_that_is_no_yaml_is_refused() -> None:
    with pytest.raises(ConfigError, match="the value is not YAML"):
        resolve(None, {}, ["run.out=[1"])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"whisper.language": "klingon"}, "whisper.language: 'klingon' is no code of a language"),
        ({"whisper.size": "the base"}, "whisper.size: 'the base' is no size of Whisper"),
        ({"networks.backend": "ONNX;"}, "networks.backend: 'ONNX;' is no value for this key."),
        ({"feed.linger_s": 1e300}, "feed.linger_s: Input should be less than or equal to 1000000000"),
    ],
)
def test_a_wrong_value_is_told_without_a_regular_expression(options, said):
    with pytest.raises(ConfigError) as refused:
        resolve(None, options, [])
    assert said in str(refused.value)
    assert "[" not in str(refused.value)
    assert resolve(None, {"whisper.language": "en", "feed.linger_s": 1e9}, []).whisper.language == "en"


@pytest.mark.parametrize(("given", "kept"), [("auto", None), ("en,de", "en,de"), ("EN, de", "en,de")])
def test_several_languages_may_be_spoken_or_any(given, kept):
    config = resolve(None, {"whisper.language": given}, [])
    assert config.whisper.language == kept
    assert resolve(None, {}, [f"whisper.language={kept or 'auto'}"]).whisper.language == kept
