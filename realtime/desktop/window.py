"""The window: a sign of what goes on, a row for each person, buttons, and a quiet line at the foot."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QAction,
    QCloseEvent,
    QFontMetrics,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QShortcut,
)
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QMenu,
    QPushButton,
    QSizeGrip,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from realtime.desktop.actions import Actions
from realtime.desktop.icons import icon
from realtime.desktop.rows import PersonView
from realtime.desktop.status import StatusIndicator
from realtime.desktop.theme import colours
from realtime.desktop.view_model import PersonRow, ViewModel

STEPS: Final = {
    "full": "Keeping up",
    "fewer_faces": "Busy: fewer looks at faces",
    "no_partials": "Busy: words come later",
    "small_whisper": "Busy: simpler recogniser",
    "no_text": "Busy: no new words",
    "audio_only": "Busy: no new words or faces",
}
"""Steps of load shedding, in words. What was computed before a step may still be part of an estimate, so a
step says that nothing new comes."""
NOBODY_YET: Final = "Nobody is heard or seen yet."
LONGEST: Final = "Connection lost"
_STEP_PX: Final = 24


class TrackerWindow(QWidget):
    """Small, without a frame, above others. It shows what it is given and decides nothing.

    Args:
        actions: what its buttons, keys and menu do.
        on_top: keep it above other windows.
    """

    closing = Signal()
    """Somebody wants it to be gone; it stays until it is hidden."""
    retry = Signal()
    """Somebody wants the engine to be tried again."""

    def __init__(self, actions: Actions, *, on_top: bool = True) -> None:
        flags = Qt.WindowType.Window | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags | Qt.WindowType.WindowStaysOnTopHint if on_top else flags)
        self.setWindowTitle("emotrack")
        self.setAccessibleName("emotrack tracker window")
        self._actions = actions
        self._grabbed: QPoint | None = None
        self._people: list[PersonView] = []
        self._indicator: StatusIndicator | None = None
        self._fitting = QTimer(self, singleShot=True, interval=0)
        self._fitting.timeout.connect(self._fit_now)
        self._build()
        self._keys()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFocus()  # of the whole, not of a button that could be pressed by mistake

    # -- what it shows --------------------------------------------------------------------------------

    @property
    def indicator(self) -> StatusIndicator | None:
        """What it says at the moment."""
        return self._indicator

    def show_message(self, sentence: str) -> None:
        """Say something that is not a state; "" takes it away."""
        self._say(self._word, sentence)
        self._word.setVisible(bool(sentence))
        self._fit()

    def keep_on_top(self, *, on: bool) -> None:
        """Keep the window above others, or not; it is hidden for a moment where that changes."""
        if bool(self.windowFlags() & Qt.WindowType.WindowStaysOnTopHint) != on:
            visible = self.isVisible()
            self.setWindowFlag(Qt.WindowType.WindowStaysOnTopHint, on)
            self.setVisible(visible)

    def show_indicator(self, indicator: StatusIndicator) -> None:
        """Show mark, word and sentence of a state in the first line."""
        if indicator == self._indicator:
            return
        self._indicator = indicator
        self._state.setText(f"{indicator.mark} {indicator.word}")
        self._state.setStyleSheet(f"color: {self._colour(indicator)}; font-weight: 600;")
        self._state.setAccessibleName(f"State: {indicator.word}")
        self._more.setText(indicator.more)
        self._more.setVisible(bool(indicator.more))
        self._again.setVisible(indicator.retry)
        self._fit()

    @staticmethod
    def _colour(indicator: StatusIndicator) -> str:
        palette = colours()
        tones = {"quiet": palette.soft, "live": palette.bad, "warn": palette.warn, "bad": palette.bad}
        return tones[indicator.tone].name()

    def show_run(self, view_model: ViewModel, *, stale: bool) -> None:
        """Show the people and how the engine gets on; `stale` while nothing new can come."""
        rows = view_model.rows(stale=stale)
        self._show_rows(rows)
        extra = f"{view_model.others} more on the dashboard. " if view_model.others else ""
        step = STEPS.get(view_model.load_step, view_model.load_step) if rows else ""
        behind = (
            f" · {view_model.latency_ms / 1000:.1f} s behind"
            if rows and view_model.latency_ms is not None
            else ""
        )
        marks = f" · {view_model.marks} marked" if view_model.marks else ""
        self._say(self._foot, f"{extra}{step}{behind}{marks}")

    def show_nothing(self, sentence: str) -> None:
        """There are no people to be shown, and this is why."""
        self._show_rows(())
        self._say(self._empty, sentence)
        self._empty.setVisible(bool(sentence))
        self._say(self._foot, "")

    def _show_rows(self, rows: tuple[PersonRow, ...]) -> None:
        count = len(self._people)
        while len(self._people) < len(rows):
            self._people.append(PersonView(self))
            self._rows.addWidget(self._people[-1])
        for view, row in zip(self._people, rows, strict=False):
            view.show_row(row)
        while len(self._people) > len(rows):
            view = self._people.pop()
            self._rows.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._empty.setVisible(not rows)
        if not rows:
            self._say(self._empty, NOBODY_YET)
        if count != len(self._people):
            self._fit()

    @staticmethod
    def _say(label: QLabel, text: str) -> None:
        if label.text() != text:
            label.setText(text)

    def apply_theme(self) -> None:
        """Draw icons and colours anew after the theme has changed."""
        self._actions.apply_theme()
        self._menu_button.setIcon(icon("menu"))
        self._close.setIcon(icon("close"))
        indicator, self._indicator = self._indicator, None
        if indicator is not None:
            self.show_indicator(indicator)
        self._fit()

    def _fit(self) -> None:
        """As high as what is in it, as soon as that is laid out."""
        if not self._fitting.isActive():
            self._fitting.start()

    def _fit_now(self) -> None:
        least = self._least()
        self.setMinimumWidth(least)
        self.setFixedHeight(self._height(max(self.width(), least)))

    def _height(self, width: int) -> int:
        layout = self.layout()
        assert layout is not None, "it is built"
        layout.invalidate()
        layout.activate()
        return layout.totalHeightForWidth(width)

    def _least(self) -> int:
        """The narrowest that everything can be read in."""
        bold = self.font()
        bold.setBold(True)
        self._state.setMinimumWidth(QFontMetrics(bold).horizontalAdvance(f"● {LONGEST}"))
        layout = self.layout()
        return layout.totalMinimumSize().width() if layout is not None else 0

    def sizeHint(self) -> QSize:
        """Wide enough for a person's line, and as high as what is in it."""
        width = max(self._least(), self.fontMetrics().averageCharWidth() * 44)
        return QSize(width, self._height(width))

    # -- how it is built ------------------------------------------------------------------------------

    def _build(self) -> None:
        self._state = QLabel()
        self._more = self._line("soft")
        self._again = QPushButton("Try &again")
        self._again.clicked.connect(self.retry)
        self._word = self._line("warn")
        self._empty = self._line("soft", NOBODY_YET)
        self._foot = self._line("soft")
        self._foot.setAccessibleName("How the engine gets on")
        self._rows = QVBoxLayout()
        self._rows.setSpacing(6)
        frame = QFrame(self)
        frame.setObjectName("window")
        column = QVBoxLayout(frame)
        column.setContentsMargins(9, 6, 9, 4)
        column.setSpacing(6)
        column.addLayout(self._head())
        column.addWidget(self._more)
        column.addWidget(self._again, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self._word)
        column.addLayout(self._rows)
        column.addWidget(self._empty)
        column.addStretch()
        foot = QHBoxLayout()
        foot.addWidget(self._foot, 1)
        foot.addWidget(QSizeGrip(frame), 0, Qt.AlignmentFlag.AlignBottom)
        column.addLayout(foot)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)  # text that wraps needs less height
        outer.addWidget(frame)
        for widget in (self._again, self._more, self._word):
            widget.setVisible(False)

    def _line(self, name: str, text: str = "") -> QLabel:
        label = QLabel(text)
        label.setObjectName(name)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(True)
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        return label

    def _head(self) -> QHBoxLayout:
        self.menu = QMenu(self)
        self._actions.fill(self.menu, with_show=False)
        head = QHBoxLayout()
        head.setSpacing(2)
        head.addWidget(self._state, 1)
        of = self._actions
        for action in (of.start, of.stop, of.mute_audio, of.mute_video, of.mark):
            head.addWidget(_Button(action))
        self._menu_button = QToolButton()
        self._menu_button.setMenu(self.menu)
        self._menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self._menu_button.setShortcut(QKeySequence("Alt+Down"))
        self._close = QToolButton()
        self._close.clicked.connect(self.closing)
        for button, name, hint in (
            (self._menu_button, "Menu", "Menu (Alt+Down)"),
            (self._close, "Hide the window", "Hide the window; what goes on is shown in the tray"),
        ):
            button.setAccessibleName(name)
            button.setToolTip(hint)
            button.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            head.addWidget(button)
        self._menu_button.setIcon(icon("menu"))
        self._close.setIcon(icon("close"))
        return head

    def _keys(self) -> None:
        self.addActions(self._actions.all)
        steps = {"Left": (-1, 0), "Right": (1, 0), "Up": (0, -1), "Down": (0, 1)}
        for key, (x, y) in steps.items():
            shortcut = QShortcut(QKeySequence(f"Ctrl+Shift+{key}"), self)
            by = QPoint(x * _STEP_PX, y * _STEP_PX)
            shortcut.activated.connect(lambda by=by: self.move(self.pos() + by))

    # -- moved by the mouse, closed by the desktop ----------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Hold it anywhere and drag."""
        handle = self.windowHandle()
        if event.button() is Qt.MouseButton.LeftButton and not (handle and handle.startSystemMove()):
            self._grabbed = event.globalPosition().toPoint() - self.pos()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Where the desktop does not move windows by itself."""
        if self._grabbed is not None:
            self.move(event.globalPosition().toPoint() - self._grabbed)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """End moving the window by the mouse."""
        self._grabbed = None

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the height again when the width has changed."""
        if event.size().width() != event.oldSize().width():
            self._fit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """The desktop wants to close it: what that means is decided elsewhere."""
        event.ignore()
        self.closing.emit()


class _Button(QToolButton):
    """A picture for an action, which is told with its name and keys, and is gone where it makes no sense."""

    def __init__(self, action: QAction) -> None:
        super().__init__()
        self._action = action
        self.setDefaultAction(action)
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonIconOnly)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        action.changed.connect(self._follow)
        self._follow()

    def _follow(self) -> None:
        name = self._action.text().replace("&", "")
        keys = self._action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)
        self.setAccessibleName(name)
        self.setToolTip(f"{name} ({keys})" if keys else name)
        self.setVisible(self._action.isVisible())
