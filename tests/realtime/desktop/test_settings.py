"""The desktop's settings: a file of the user's, of which only what was asked for is changed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from core.config_base import read_yaml
from core.errors import ConfigError, PolicyError, SinkError
from core.resources import shipped
from realtime.config import LiveConfig, resolve_as
from realtime.desktop.settings import FILE_NAME, Settings, settings_path
from realtime.desktop.yaml_edit import at, edited, put

WRITTEN_BY_HAND = """\
# my settings
sources:            # what I use
  camera: /dev/video2   # the good one
  microphone: "USB mic"

engine: {voice: {on: 0.6}, purpose: research}   # slower to begin

whisper:
  hot_words:
    - Ada       # a friend
    - Grace
# the end
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "folder" / "desktop.yaml")


def hand_written(settings: Settings, text: str = WRITTEN_BY_HAND) -> None:
    settings.path.parent.mkdir()
    settings.path.write_bytes(text.encode())


def test_without_a_file_the_settings_are_the_defaults_of_a_live_run(settings: Settings) -> None:
    assert not settings.exists
    assert settings.read() == LiveConfig()
    assert not settings.path.parent.exists()


def test_the_first_change_makes_a_file_that_emotrack_live_reads(settings: Settings) -> None:
    changed = settings.change(
        {"sources.camera": None, "sources.loopback": "default", "whisper.size": "tiny.en"}
    )
    assert changed.sources.camera is None
    assert resolve_as(LiveConfig, settings.path, {}, []) == changed == settings.read()
    assert stat.S_IMODE(settings.path.parent.stat().st_mode) == 0o700
    assert read_yaml(settings.path.read_text()) == {
        "sources": {"camera": None, "loopback": "default"},
        "whisper": {"size": "tiny.en"},
    }


def test_a_change_to_what_is_so_already_writes_nothing(settings: Settings) -> None:
    settings.change({"sources.camera": "default", "desktop.theme": "system"})
    assert not settings.exists


def test_comments_order_and_all_other_keys_of_a_written_file_survive(settings: Settings) -> None:
    hand_written(settings)
    settings.change({"sources.camera": None, "sources.screen": "0", "desktop.theme": "dark"})
    assert settings.path.read_text() == (
        WRITTEN_BY_HAND.replace("/dev/video2 ", "null ").replace(
            '  microphone: "USB mic"\n', "  microphone: \"USB mic\"\n  screen: '0'\n"
        )
        # A comment behind the last value may belong to it, so new groups go before it.
    ).replace("# the end\n", "desktop:\n  theme: dark\n# the end\n")


def test_every_key_of_the_shipped_configuration_can_be_changed_and_its_comments_stay(
    settings: Settings,
) -> None:
    text = shipped("configs/live.yaml").read_text(encoding="utf-8")
    hand_written(settings, text)
    settings.change({"sources.microphone": None, "whisper.size": "small", "desktop.scale": 1.5})
    now = settings.path.read_text()
    comments = [line.partition("#")[2] for line in text.split("\n")]
    assert [line.partition("#")[2] for line in now.split("\n")] == comments
    assert settings.read().whisper.size == "small"
    assert settings.read().desktop.scale == 1.5


def test_line_ends_of_another_system_are_kept(settings: Settings) -> None:
    hand_written(settings, "sources:\r\n  camera: default # mine\r\n")
    settings.change({"sources.camera": None, "sources.screen": "1"})
    assert settings.path.read_bytes() == b"sources:\r\n  camera: null # mine\r\n  screen: '1'\r\n"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sources: [", "is not YAML"),
        ("- a\n- b\n", "is not a mapping"),
        ("sources: {camra: default}\n", "unknown key sources.camra. Did you mean camera?"),
        ("desktop: {theme: pink}\n", "desktop.theme"),
        ("\udcff", "is not YAML"),
    ],
)
def test_a_damaged_file_is_told_with_its_name_and_never_written_over(
    settings: Settings, text: str, sentence: str
) -> None:
    settings.path.parent.mkdir()
    settings.path.write_bytes(before := text.encode("utf-8", "surrogateescape"))
    for action in (settings.read, lambda: settings.change({"sources.camera": None})):
        with pytest.raises(ConfigError, match=r"desktop\.yaml") as caught:
            action()
        assert sentence in str(caught.value)
    assert settings.path.read_bytes() == before


def test_a_value_that_is_not_valid_changes_nothing(settings: Settings) -> None:
    hand_written(settings)
    with pytest.raises(ConfigError, match=r"desktop\.scale"):
        settings.change({"sources.camera": None, "desktop.scale": 99.0})
    assert settings.path.read_text() == WRITTEN_BY_HAND


def test_one_value_that_stands_for_several_keys_is_left_to_the_person_who_wrote_it(
    settings: Settings,
) -> None:
    text = "sources:\n  microphone: &mine default\n  camera: *mine\n"
    hand_written(settings, text)
    with pytest.raises(ConfigError, match="by hand"):
        settings.change({"sources.microphone": None})
    assert settings.path.read_text() == text


def test_a_purpose_that_withholds_something_is_not_replaced(settings: Settings) -> None:
    settings.change({"engine.purpose": "workplace"})
    with pytest.raises(PolicyError):
        settings.change({"engine.purpose": "personal"})
    assert settings.read().engine.purpose == "workplace"


def test_who_is_interrupted_while_writing_keeps_the_old_file(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand_written(settings)

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SinkError, match="No space left on device"):
        settings.change({"sources.camera": None})
    assert settings.path.read_text() == WRITTEN_BY_HAND
    assert [path.name for path in settings.path.parent.iterdir()] == [FILE_NAME]


def test_a_link_stays_a_link_and_the_file_keeps_its_rights(settings: Settings, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("sources: {camera: null}\n")
    real.chmod(0o640)
    settings.path.parent.mkdir()
    settings.path.symlink_to(real)
    settings.change({"sources.camera": "default"})
    assert settings.path.is_symlink()
    assert real.read_text() == "sources: {camera: default}\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640


def test_the_file_lies_where_the_platform_keeps_configurations(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert settings_path().name == FILE_NAME
    assert settings_path().parent.name == "emotrack"


# -- any change of any file ------------------------------------------------------------------------------

COMMENT = "# what somebody wanted to say"
NAMES = st.sampled_from(["a", "b", "on", "null", "x y", "ä: #"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
)
TREES = st.recursive(
    SCALARS | st.lists(SCALARS, max_size=3),
    lambda children: st.dictionaries(NAMES, children, max_size=4),
    max_leaves=12,
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """YAML in every style, with comments between the lines of blocks."""
    values = draw(st.dictionaries(NAMES, TREES, max_size=4))
    text = yaml.safe_dump(
        values,
        default_flow_style=draw(st.sampled_from([True, False, None])),
        indent=draw(st.integers(2, 5)),
        allow_unicode=True,
        width=draw(st.sampled_from([20, 1000])),
    )
    lines = text.split("\n")
    for place in sorted(draw(st.sets(st.integers(0, len(lines) - 1), max_size=3)), reverse=True):
        lines.insert(place, COMMENT)
    commented = "\n".join(lines)
    try:
        return commented if read_yaml(commented) == values else text
    except yaml.YAMLError:
        return text  # a comment fell into a text of several lines


@given(
    documents(),
    st.lists(NAMES, min_size=1, max_size=3),
    SCALARS | st.dictionaries(NAMES, SCALARS, max_size=3),
)
@example("'on': null\nwords: # to expect\n- Ada\n", ["words"], None)  # the list is not indented
def test_any_key_of_any_file_takes_any_value_and_nothing_else_moves(
    text: str, path: list[str], value: object
) -> None:
    dotted = ".".join(path)
    values = read_yaml(text) or {}
    replaced = [at(values, ".".join(path[: depth + 1])) for depth in range(len(path))]
    result = edited(text, {dotted: value})
    put(values, dotted, value)
    assert read_yaml(result) == values
    if not isinstance(replaced[-1], dict | list) and not any(isinstance(old, list) for old in replaced):
        assert result.count(COMMENT) == text.count(COMMENT)
