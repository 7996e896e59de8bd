"""What the engine is told follows from the settings, the options, and who has agreed to what."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from core.errors import ConfigError, PolicyError
from realtime.desktop.launch_options import ENTRY, LaunchOptions


@dataclass(frozen=True)
class Agreement:
    who: str = "Ada -x"
    purpose: str = "research"


def options(file: Path, *overrides: str, play=None, purpose=None, checkpoint=None) -> LaunchOptions:
    return LaunchOptions.of(file, play, purpose, checkpoint, list(overrides))


def test_the_engine_is_the_live_command_supervised_and_under_the_consent_that_was_given(tmp_path) -> None:
    file = tmp_path / "desktop.yaml"
    file.write_text("whisper:\n  size: tiny.en\n")
    words = options(file, "record=null", checkpoint=Path("c")).command(Agreement(), {"visual", "audio"})
    assert words[1:] == [
        str(ENTRY), "live", "--supervised", "--no-console", "--feed", "--config", str(file), "--port", "0",
        "--purpose", "research", "--consent=Ada -x", "--checkpoint", "c",
        "--mute", "audio", "--mute", "visual", "--set", "record=null",
    ]  # fmt: skip
    assert ENTRY.is_file()


def test_a_recording_captures_nobody_so_nobody_s_consent_is_handed_on(tmp_path) -> None:
    words = options(tmp_path / "none.yaml", play=Path("a.mp4")).command(Agreement())
    assert words[words.index("--play") + 1] == "a.mp4"
    assert not any(word.startswith("--consent") for word in words)
    assert "--config" not in words


def test_a_port_that_the_settings_name_is_kept(tmp_path) -> None:
    file = tmp_path / "desktop.yaml"
    file.write_text("feed:\n  port: 9000\n")
    assert "--port" not in options(file).command(Agreement())


@pytest.mark.parametrize(
    ("text", "purpose", "proposed"),
    [
        ("{}", None, ("personal", False)),
        ("desktop: {purpose: media}", None, ("media", False)),
        ("engine: {purpose: workplace}\ndesktop: {purpose: media}", None, ("workplace", True)),
        ("desktop: {purpose: media}", "research", ("research", True)),
    ],
)
def test_the_purpose_that_is_proposed(text, purpose, proposed, tmp_path) -> None:
    file = tmp_path / "desktop.yaml"
    file.write_text(text)
    assert options(file, purpose=purpose).proposed == proposed


def test_what_cannot_be_is_said_before_any_window_opens(tmp_path) -> None:
    file = tmp_path / "desktop.yaml"
    file.write_text("engine: {purpose: workplace}")
    with pytest.raises(PolicyError):
        options(file, purpose="personal")
    with pytest.raises(ConfigError, match="sorces"):
        options(tmp_path / "none.yaml", "sorces.camera=0")
