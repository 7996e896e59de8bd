"""The engine as a process beside the window: started, listened to, ended, and restarted with a back-off."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Final

from PySide6.QtCore import QElapsedTimer, QObject, QProcess, QProcessEnvironment, QTimer, Signal

from core.errors import ConfigError, ConsentError, FeedError, NotAvailable, PolicyError, SpecMismatch
from core.errors import WeightsError as Weights
from realtime.desktop.status import Phase
from realtime.runs.sinks import tell
from realtime.runs.supervision import Announcement, Order

PAUSES_S: Final = (1.0, 2.0, 4.0)
WELL_S: Final = 60.0
"""An engine that has run for so long was well: what fails now is something new."""


class Backoff:
    """Counts failures in a row.

    Args:
        pauses_s: before the first, second... attempt; after the last it is given up.
    """

    def __init__(self, pauses_s: tuple[float, ...] = PAUSES_S) -> None:
        self._pauses_s = pauses_s
        self._failures = 0

    def reset(self) -> None:
        """Somebody has started it by hand."""
        self._failures = 0

    def pause_s(self, ran_s: float) -> float | None:
        """It has failed after `ran_s`: how long to wait before it is started again; None = it is given up."""
        if ran_s >= WELL_S:
            self._failures = 0
        self._failures += 1
        return self._pauses_s[self._failures - 1] if self._failures <= len(self._pauses_s) else None


NOT_RETRYABLE: Final = frozenset(
    kind.exit_code for kind in (ConfigError, SpecMismatch, Weights, NotAvailable, ConsentError, PolicyError)
)
"""Exit codes after which another attempt would end in the same way."""
STOP_S: Final = 40.0
"""How long the last words may take when the engine is to end in order."""
_PREFIX: Final = "emotrack: "


class EngineProcess(QObject):
    """Supervises one engine at a time.

    Args:
        restarts: says when to try again.

    Attributes:
        phase: what it is doing.
        sentence: what it said last of itself while it starts, or why it has failed; for people.
        pause_s: in `Phase.WAITING`, how long it is waited for.
    """

    changed = Signal()
    """Phase or sentence have changed."""
    announced = Signal(object)
    """The feed is there: an `Announcement`."""
    ended = Signal()
    """The process has ended, however it did."""

    def __init__(self, backoff: Backoff | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.phase = Phase.OFF
        self.sentence = ""
        self.pause_s = 0.0
        self._backoff = backoff or Backoff()
        self._command: Callable[[], list[str]] = list
        self._process: QProcess | None = None
        self._last_line = ""
        self._ran = QElapsedTimer()
        self._restart_timer = QTimer(self, singleShot=True)
        self._restart_timer.timeout.connect(self._launch)
        self._stop_timer = QTimer(self, singleShot=True)
        self._stop_timer.timeout.connect(self.kill)

    @property
    def pid(self) -> int:
        """Of the process, 0 while there is none."""
        return 0 if self._process is None else self._process.processId()

    def start(self, command: Callable[[], list[str]]) -> None:
        """Start it, unless it runs. `command` is asked for the words at every start, also after a failure."""
        if self._process is not None:
            return
        self._command = command
        self._backoff.reset()
        self._launch()

    def stop(self, order: Order = "stop") -> None:
        """End it in order: "stop" after the last words, "withdraw" after deleting what was written."""
        self._restart_timer.stop()
        if self._process is None:
            self._enter(Phase.OFF, "")
        elif self.phase is Phase.STARTING and order == "stop":
            self._enter(Phase.STOPPING, "")
            self.kill()  # nothing was said yet: there is nothing to be put in order
        elif self.phase is not Phase.STOPPING or order == "withdraw":
            self._enter(Phase.STOPPING, "")
            self._process.write(f"{order}\n".encode())
            self._stop_timer.start(round(STOP_S * 1000))

    def kill(self) -> None:
        """End the process at once, without its last words; nothing happens where there is none."""
        self._restart_timer.stop()
        if self._process is not None:
            self._process.kill()

    # -- the process ----------------------------------------------------------------------------------

    def _launch(self) -> None:
        words = self._command()
        process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONIOENCODING", "utf-8")
        process.setProcessEnvironment(environment)
        process.readyReadStandardOutput.connect(self._read_stdout)
        process.readyReadStandardError.connect(self._read_stderr)
        process.finished.connect(self._finished)
        process.errorOccurred.connect(self._failed_to_start)
        self._process, self._last_line = process, ""
        self._ran.start()
        self._enter(Phase.STARTING, "")
        process.start(words[0], words[1:])

    def _read_stdout(self) -> None:
        process = self._process
        while process is not None and process is self._process and self._line_waits(process, output=True):
            try:
                announcement = Announcement.read(bytes(process.readLine().data()).decode("utf-8", "replace"))
            except FeedError:
                continue  # a library has printed something
            if self.phase is Phase.STARTING:
                self._enter(Phase.RUNNING, "")
                self.announced.emit(announcement)

    def _read_stderr(self) -> None:
        process = self._process
        while process is not None and self._line_waits(process, output=False):
            line = bytes(process.readLine().data()).decode("utf-8", "replace").strip()
            if line:
                tell(line)  # whoever started the window in a terminal sees everything
                self._last_line = line.removeprefix(_PREFIX)
            if line and self.phase is Phase.STARTING:
                self._enter(Phase.STARTING, self._last_line)

    @staticmethod
    def _line_waits(process: QProcess, *, output: bool) -> bool:
        channels = QProcess.ProcessChannel
        process.setReadChannel(channels.StandardOutput if output else channels.StandardError)
        return process.canReadLine()

    def _failed_to_start(self, error: QProcess.ProcessError) -> None:
        if error is QProcess.ProcessError.FailedToStart and self._process is not None:
            self._process_ended(f"It cannot be started: {self._process.errorString()}.", code=-1)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_stdout()
        self._read_stderr()
        if status is QProcess.ExitStatus.CrashExit:
            self._process_ended(f"It was ended by {_signal(code)}.", code=-1)
        else:
            self._process_ended(self._last_line if code else None, code)

    def _process_ended(self, fault: str | None, code: int) -> None:
        process, self._process = self._process, None
        self._stop_timer.stop()
        if process is not None:
            process.deleteLater()
        if self.phase is Phase.STOPPING or fault is None:
            self._enter(Phase.OFF, "")
        else:
            pause_s = None if code in NOT_RETRYABLE else self._backoff.pause_s(self._ran.elapsed() / 1000)
            if pause_s is None:
                self._enter(Phase.FAILED, fault)
            else:
                self.pause_s = pause_s
                self._restart_timer.start(round(pause_s * 1000))
                self._enter(Phase.WAITING, fault)
        self.ended.emit()

    def _enter(self, phase: Phase, sentence: str) -> None:
        self.phase, self.sentence = phase, sentence
        self.changed.emit()


def _signal(number: int) -> str:
    try:
        return f"the signal {signal.Signals(number).name}"
    except ValueError:
        return f"a fault ({number})"
