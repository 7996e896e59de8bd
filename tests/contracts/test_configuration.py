"""Configuration: every key is known, none is without effect, and none is state of a run."""

from __future__ import annotations

import typing
from collections.abc import Iterator

import pytest

from core.config import EngineConfig, LatencyConfig
from core.config_base import Strict
from core.errors import ConfigError
from realtime.config import LiveConfig, ReplayConfig, ServeConfig
from train.ablation.config import AblationConfig
from train.config import TrainingConfig
from train.encoders.command import EncoderTraining

CONFIGURATIONS = (ReplayConfig, LiveConfig, ServeConfig, TrainingConfig, EncoderTraining, AblationConfig)

OPEN_KEYS = {
    "TrainingConfig.corpora": "names of corpora, checked against the registry",
    "TrainingConfig.linear_start": "modalities, and only those with statistics",
    "BatchConfig.corpora": "names of corpora, checked against those of the preset",
    "AudioTraining.corpora": "names of corpora, checked against the registry",
    "AblationConfig.variants": "names that the file makes up",
    "AblationConfig.not_applicable": "names that the file makes up",
}
"""Mappings whose keys are data. Where a program knows the keys, they are fields."""


def mappings(cls: type[Strict], seen: set[type]) -> Iterator[str]:
    """Every field of a configuration, and of those within it, that is a mapping."""
    if cls in seen:
        return
    seen.add(cls)
    for name, hint in typing.get_type_hints(cls, include_extras=True).items():
        parts = [hint, *typing.get_args(hint)]
        if name in cls.model_fields and any(typing.get_origin(part) is dict for part in parts):
            yield f"{cls.__name__}.{name}"
        for part in parts:
            for inner in (part, *typing.get_args(part)):
                if isinstance(inner, type) and issubclass(inner, Strict):
                    yield from mappings(inner, seen)


def test_only_mappings_whose_keys_are_data_are_open():
    seen: set[type] = set()
    assert {name for cls in CONFIGURATIONS for name in mappings(cls, seen)} == set(OPEN_KEYS)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"load": {"limit_s": {"word": 1.0}}}, r"unknown key load.limit_s.word. Did you mean words\?"),
        ({"latency_s": {"transcibe": 1.0}}, r"unknown key latency_s.transcibe. Did you mean transcribe\?"),
        ({"load": {"small_whisper": True}}, "unknown key load.small_whisper."),
        ({"load": {"limit_s": {"words": 0}}}, "load.limit_s.words"),
        ({"latency_s": {"fuse": -1}}, "latency_s.fuse"),
    ],
)
def test_a_key_of_the_engine_that_is_not_known_or_impossible_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        EngineConfig.from_mapping(values, where="file.yaml")


def test_keys_that_are_left_out_keep_their_defaults():
    config = EngineConfig.from_mapping(
        {"load": {"limit_s": {"words": 9.0}}, "latency_s": {"transcribe": 2.0}}, where="file.yaml"
    )
    assert config.load.limit_s.model_dump() == {
        "words": 9.0,
        "sight": 0.6,
        "sound": 0.6,
        "input": 0.5,
        "capture": 0.5,
    }
    assert config.latency_s == LatencyConfig(transcribe=2.0)
    assert config.latency_s.of("fuse") == 0.05


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"corpora": {"goemotion": {}}}, "no corpus 'goemotion'"),
        ({"pairing": {"corpora": {"goemotion": 2.0}}}, r"'goemotion'.*did you mean goemotions\?"),
        ({"pairing": {"corpora": {"goemotions": -2.0}}}, "pairing.corpora.goemotions"),
        ({"text": {"shares": {"goemotion": 2.0}}}, r"text.shares.goemotion. Did you mean goemotions\?"),
        ({"linear_start": {"txt": 1.0}}, "linear_start.txt"),
    ],
)
def test_a_key_of_a_training_that_is_not_known_is_refused(values, message):
    whole = {"summary": "s", "license": "l", "corpora": {"goemotions": {}}, "peers": "fresh"}
    with pytest.raises(ConfigError, match=message):
        TrainingConfig.from_mapping(whole | values, where="file.yaml")


@pytest.mark.parametrize("flag", ["optimisation.seed=3", "optimisation.save_every=10", "folds=2"])
@pytest.mark.parametrize("place", ["shared", "variant"])
def test_a_flag_that_an_ablation_would_overwrite_is_refused(flag, place):
    variants = {"ours": {}, "other": {"flags": [flag] if place == "variant" else []}}
    values = {"title": "t", "preset": "p.yaml", "corpus": "c", "figure": "macro_f1", "variants": variants}
    with pytest.raises(ConfigError, match="would be overwritten"):
        AblationConfig.from_mapping(values | {"shared": [flag] if place == "shared" else []}, where="a.yaml")
