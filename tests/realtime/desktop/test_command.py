"""What is said before Qt is loaded: no Qt, no screen, no library; and that other commands never load it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import NotAvailable
from realtime.desktop import command

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def linux(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY", "DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None)
    with pytest.raises(NotAvailable, match=r"pip install 'emotrack\[desktop\]'"):
        command.run_desktop(None, play=None, purpose=None, checkpoint=None, overrides=[])


def test_without_a_screen_it_is_said_instead_of_a_crash(linux) -> None:
    with pytest.raises(NotAvailable, match="DISPLAY is not set"):
        command.check_screen()


def test_a_screen_that_does_not_answer_is_named(linux) -> None:
    linux.setenv("DISPLAY", ":987")
    with pytest.raises(NotAvailable, match="DISPLAY=:987: the screen does not answer"):
        command.check_screen()


def test_libraries_that_the_system_lacks_are_named_with_their_packages(linux) -> None:
    linux.setenv("DISPLAY", ":0")
    linux.setattr(command, "LIBRARIES", {"libnowhere.so.7": "libnowhere7"})
    with pytest.raises(NotAvailable, match=r"libnowhere\.so\.7.*apt install libnowhere7"):
        command.check_screen()


@pytest.mark.parametrize("name", ["WAYLAND_DISPLAY", "QT_QPA_PLATFORM"])
def test_a_screen_of_another_kind_is_left_to_qt(linux, name) -> None:
    linux.setenv(name, "something")
    command.check_screen()


def test_the_command_line_its_settings_and_the_engine_s_side_load_no_qt() -> None:
    names = "realtime.cli.app, realtime.config, realtime.runs.supervision, realtime.desktop.command"
    code = f"import sys, {names}, realtime.desktop.view_model, realtime.desktop.settings; "
    code += "sys.exit('PySide6' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
