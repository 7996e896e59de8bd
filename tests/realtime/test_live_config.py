"""The configuration of a live run."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.config_base import read_yaml
from core.errors import ConfigError
from core.resources import shipped
from realtime.config import LiveConfig, resolve_as
from realtime.runs.live import run_live


def test_the_shipped_file_shows_every_key_with_its_default_and_begins_with_its_command():
    text = shipped("configs/live.yaml").read_text(encoding="utf-8")
    assert read_yaml(text) == LiveConfig().model_dump(mode="json")
    assert text.partition("\n")[0] == "# emotrack live --config configs/live.yaml"


def test_a_part_of_the_engine_that_is_given_leaves_the_rest_as_a_live_run_needs_it(tmp_path: Path):
    file = tmp_path / "run.yaml"
    file.write_text("engine: {faces: {rate_hz: 2}, transcript: {partials: false}}\n")
    config = resolve_as(LiveConfig, file, {"sources.camera": "rtsp://here"}, ["sources.microphone=null"])
    assert config.engine.deterministic is False
    assert config.engine.transcript.early_final is True
    assert config.sources.camera == "rtsp://here"
    assert config.sources.microphone is None


def test_a_live_run_cannot_wait_for_its_workers():
    config = resolve_as(LiveConfig, None, {}, ["engine.deterministic=true"])
    with pytest.raises(ConfigError, match="cannot be deterministic"):
        run_live(config, play=None, console=False)


def test_nothing_is_recorded_unless_asked_for():
    assert LiveConfig().record is None
    assert LiveConfig().run.out is None
