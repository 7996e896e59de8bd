"""The page with what is tracked for and with: purpose, recogniser, checkpoint."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from core.policy import policy_of
from core.weights import catalogue, is_ready
from realtime.config import LiveConfig
from realtime.desktop.purposes import MEANINGS
from realtime.desktop.texts import make_label, set_label

_WHISPER = "whisper-"


class TrackingPage(QWidget):
    """Chooses the purpose that is proposed, the size of Whisper, and the checkpoint.

    Args:
        config: what is chosen now.
        parent: the dialog.
    """

    def __init__(self, config: LiveConfig, parent: QWidget) -> None:
        super().__init__(parent)
        self.size_ = QComboBox(self)
        self.size_.setAccessibleName("Recogniser of words")
        self._weights = {
            weight.name.removeprefix(_WHISPER): weight
            for weight in catalogue()
            if weight.name.startswith(_WHISPER)
        }
        for size in dict.fromkeys([config.whisper.size, *self._weights]):
            self.size_.addItem(size, size)
        self._size_note = make_label("", "soft", self)
        self.checkpoint = QLineEdit("" if config.checkpoint is None else str(config.checkpoint), self)
        self.checkpoint.setPlaceholderText("the one that comes with emotrack")
        self.checkpoint.setAccessibleName("Folder of the checkpoint")
        self.browse = QPushButton("&Browse…", self)
        self.browse.setAutoDefault(False)
        self.purpose = QComboBox(self)
        for purpose, (name, _) in MEANINGS.items():
            self.purpose.addItem(name.replace("&", "").lower(), purpose)
        named = config.engine.purpose
        self._fixed = bool(policy_of(named).withheld)
        self.purpose.setCurrentIndex(
            list(MEANINGS).index(named if self._fixed else config.desktop.purpose or named)
        )
        self.purpose.setEnabled(not self._fixed)
        self._proposed = self.purpose.currentData()
        form = QFormLayout(self)
        form.addRow("P&urpose that is proposed:", self.purpose)
        form.addRow("&Recogniser (Whisper):", self.size_)
        form.addRow("", self._size_note)
        folder = QHBoxLayout()
        folder.addWidget(self.checkpoint, 1)
        folder.addWidget(self.browse)
        label = QLabel("Check&point:", self)
        label.setBuddy(self.checkpoint)
        form.addRow(label, folder)
        note = "A larger recogniser writes fewer wrong words and needs more of the processor."
        form.addRow(make_label(note, "soft", self))
        self.size_.currentIndexChanged.connect(self._tell)
        self.browse.clicked.connect(self._browse)
        self._tell()

    def changes(self) -> dict[str, str | None]:
        """Dotted key -> what was chosen."""
        folder = self.checkpoint.text().strip()
        changes = {"whisper.size": self.size_.currentData(), "checkpoint": folder or None}
        proposed = self.purpose.currentData()
        if not self._fixed and proposed != self._proposed:
            changes["desktop.purpose"] = proposed
        return changes

    def _tell(self) -> None:
        weight = self._weights.get(self.size_.currentData())
        if weight is None:
            set_label(self._size_note, "emotrack does not know this one.", "warn")
        elif is_ready(weight):
            set_label(self._size_note, "It is on this machine.", "good")
        else:
            size = f"{weight.size / 1e6:.0f} MB, licence {weight.licence}"
            set_label(
                self._size_note,
                f"It is not on this machine ({size}); you are asked before it is fetched.",
                "warn",
            )

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder of the checkpoint", self.checkpoint.text())
        if chosen:
            self.checkpoint.setText(str(Path(chosen)))
