"""Qt's binding counts references right: one release took one of None's with every call, and then aborted."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest
from PySide6.QtWidgets import QApplication, QLabel


@pytest.mark.parametrize(
    ("call", "value"),
    [
        (lambda label: label.setText("words"), None),
        (lambda label: label.update(), None),
        (lambda label: label.isVisible(), False),
        (lambda label: label.isEnabled(), True),
    ],
)
def test_calls_into_qt_leave_the_references_to_shared_values_alone(
    app: QApplication, call: Callable[[QLabel], object], value: object
) -> None:
    label = QLabel()
    before = sys.getrefcount(value)
    for _ in range(300):
        call(label)
    assert abs(sys.getrefcount(value) - before) < 100
