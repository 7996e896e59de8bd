"""The models that a run needs: what they are, under which licence, and a button that fetches them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtWidgets import (
    QFileDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from realtime.desktop.downloads import Downloads, Item, free_bytes, origin
from realtime.desktop.texts import Role, make_label, set_label

_STATES: Final[dict[str, tuple[str, Role]]] = {
    "here": ("here", "good"),
    "absent": ("not here yet", "warn"),
    "waiting": ("waiting", "soft"),
    "failed": ("not fetched", "bad"),
}
_PER_MILLE: Final = 1000


class ModelsCard(QFrame):
    """Shows the models and fetches those that are missing, when its button is pressed and not before.

    Args:
        downloads: what is needed, and what fetches it.
        parent: the dialog.
    """

    def __init__(self, downloads: Downloads, parent: QWidget) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._downloads = downloads
        self._lines: dict[str, QLabel] = {}
        self.summary = make_label("", "", self)
        self.bar = QProgressBar(self)
        self.bar.setRange(0, _PER_MILLE)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Progress of the download in thousandths")
        self.problem = make_label("", "bad", self)
        self.details = QPlainTextEdit(self)
        self.details.setReadOnly(True)
        self.details.setTabChangesFocus(True)
        self.details.setAccessibleName("What each source answered")
        self.details.setVisible(False)
        self.download = QPushButton("&Download", self)
        self.folder = QPushButton("From a &folder…", self)
        self.cancel = QPushButton("&Cancel", self)
        self.more = QPushButton("D&etails", self)
        for button in (self.download, self.folder, self.cancel, self.more):
            button.setAutoDefault(False)
        self.more.setCheckable(True)
        self._arrange()
        self.download.clicked.connect(lambda: self._start(None))
        self.folder.clicked.connect(self._from_folder)
        self.cancel.clicked.connect(self._cancel)
        self.more.toggled.connect(self.details.setVisible)
        self.refresh()

    def refresh(self) -> None:
        """Show how far everything is."""
        items = self._downloads.snapshot()
        running = self._downloads.running
        for item in items:
            set_label(self._lines[item.weight.name], *_state(item))
        self._sum_up(items, running)
        failed = [item for item in items if item.state == "failed" and not running]
        set_label(self.problem, " ".join(dict.fromkeys(item.failure for item in failed)), "bad")
        self.more.setVisible(bool(failed))
        details = "\n\n".join(item.details for item in failed)
        if details != self.details.toPlainText():
            self.details.setPlainText(details)
        if not failed:
            self.more.setChecked(False)

    def _sum_up(self, items: tuple[Item, ...], running: bool) -> None:
        total = sum(item.weight.size for item in items)
        here = sum(item.weight.size if item.state == "here" else item.done_bytes for item in items)
        missing = self._downloads.missing_bytes
        self.bar.setVisible(running)
        self.bar.setValue(round(_PER_MILLE * here / total))
        for button in (self.download, self.folder):
            button.setVisible(bool(missing) and not running)
        self.cancel.setVisible(running)
        self.cancel.setEnabled(not self._downloads.cancelling)
        self.download.setText(f"&Download {_megabytes(missing)}")
        if running:
            ending = " It is being cancelled; what came is kept." if self._downloads.cancelling else ""
            set_label(self.summary, f"{_megabytes(here)} of {_megabytes(total)} are here.{ending}")
        elif not missing:
            set_label(self.summary, f"All models are here ({_megabytes(total)}).", "good")
        else:
            set_label(self.summary, *_room(missing, free_bytes()))

    def _start(self, folder: Path | None) -> None:
        self._downloads.start(folder)
        self.refresh()
        self.cancel.setFocus()

    def _from_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder with the files of the models")
        if chosen:
            self._start(Path(chosen))

    def _cancel(self) -> None:
        self._downloads.cancel()
        self.refresh()

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(make_label("Models", "heading", self))
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        for row, item in enumerate(self._downloads.snapshot()):
            weight = item.weight
            about = (
                f"{weight.name}, {_megabytes(weight.size)}, licence {weight.licence}, from {origin(weight)}"
            )
            self._lines[weight.name] = make_label("", "soft", self)
            self._lines[weight.name].setWordWrap(False)
            role = make_label(weight.role, "", self)
            role.setWordWrap(False)
            grid.addWidget(role, row, 0)
            grid.addWidget(make_label(about, "soft", self), row, 1)
            grid.addWidget(self._lines[weight.name], row, 2)
        layout.addLayout(grid)
        for widget in (self.summary, self.bar, self.problem):
            layout.addWidget(widget)
        buttons = QHBoxLayout()
        for button in (self.download, self.folder, self.cancel, self.more):
            buttons.addWidget(button)
        buttons.addStretch(1)
        layout.addLayout(buttons)
        layout.addWidget(self.details)


def _state(item: Item) -> tuple[str, Role]:
    if item.state != "fetching":
        return _STATES[item.state]
    if not item.done_bytes:
        return "connecting…", "soft"
    return f"{100 * item.done_bytes // item.weight.size} % fetched", "soft"


def _room(missing: int, free: int) -> tuple[str, Role]:
    if free < missing:
        return f"{_megabytes(missing)} are to be fetched, and only {_megabytes(free)} are free.", "bad"
    return f"{_megabytes(missing)} are to be fetched; {_megabytes(free)} are free.", ""


def _megabytes(size: int) -> str:
    return (
        f"{size / 1e9:.1f} GB"
        if size >= 1e10
        else f"{size / 1e6:.1f} MB"
        if size < 1e7
        else f"{size / 1e6:.0f} MB"
    )
