"""Consent on the dashboard: taken back there, it ends a real run within a second and deletes its files."""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager
from dataclasses import replace

import pytest

import emotrack
from core.events import Status
from core.policy import policy_of
from realtime.consent.ledger import Ledger
from realtime.feed.control import RunControl
from realtime.feed.sink import FeedSink
from tests.e2e.browser import BROWSER
from tests.realtime.consent.machine import Device, install

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no browser to look at the page with: install Debian's package chromium"
)

KEYS = {"Tab": 9, "Enter": 13, "Escape": 27}
SHIFT = 8


def press(tab, key, modifiers=0):
    words = {"text": "\r"} if key == "Enter" else {}
    for kind in ("keyDown", "keyUp"):
        tab.call(
            "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS[key],
            modifiers=modifiers, **(words if kind == "keyDown" else {}),
        )  # fmt: skip


def focused(tab):
    return tab.evaluate("document.activeElement.textContent.trim()")


def text(tab, selector):
    return tab.evaluate(f"document.querySelector({selector!r}).textContent")


def shown(tab, name):
    return tab.evaluate(f"document.getElementById({name!r}).checkVisibility()")


@pytest.fixture
def delivered(monkeypatch):
    """When each sample and picture of the devices was delivered."""
    times, deliver = [], Device._deliver

    def note(device, port, step):
        deliver(device, port, step)
        times.append(time.monotonic())

    monkeypatch.setattr(Device, "_deliver", note)
    return times


@contextmanager
def living(monkeypatch, *words):
    """`emotrack live` on a machine of fakes, on a thread; gives the address of its page."""
    said = []
    announced = threading.Event()

    def tell(sentence):
        said.append(sentence)
        announced.set()

    monkeypatch.setattr("realtime.runs.sinks.tell", tell)
    command = [
        "live",
        "--consent",
        "Ada",
        "--no-console",
        "--port",
        "0",
        "--set",
        "feed.page=control",
        *words,
    ]
    codes = []
    thread = threading.Thread(target=lambda: codes.append(emotrack.main(command)))
    thread.start()
    try:
        assert announced.wait(60), codes
        yield next(line.removeprefix("Page: ") for line in said if line.startswith("Page: "))
    finally:
        thread.join(30)
    assert codes == [0]


def test_withdrawn_with_the_keyboard_a_real_run_captures_nothing_after_a_second_and_leaves_no_file(
    tab, drawn, monkeypatch, tmp_path, delivered
):
    monkeypatch.setenv("EMOTRACK_STATE", str(tmp_path / "state"))
    machine = install(monkeypatch)
    folders = ("--out", str(tmp_path / "run"), "--record", str(tmp_path / "tape"), "--seconds", "60")
    with living(monkeypatch, *folders) as page:
        tab.open(page)
        drawn("Purpose")
        tab.until("document.getElementById('withdraw').checkVisibility()")
        machine.talking.wait(20)
        tab.evaluate("document.getElementById('withdraw').focus()")
        press(tab, "Enter")
        assert tab.evaluate("document.getElementById('withdrawing').open")
        assert focused(tab) == "Go on"
        press(tab, "Enter")  # whoever only presses on withdraws nothing
        assert not tab.evaluate("document.getElementById('withdrawing').open")
        press(tab, "Enter")
        press(tab, "Escape")
        assert machine.open
        tab.evaluate("document.getElementById('withdraw').focus()")
        press(tab, "Enter")
        press(tab, "Tab", SHIFT)
        assert focused(tab) == "Withdraw and delete"
        pressed_s = time.monotonic()
        press(tab, "Enter")
        drawn("Consent was withdrawn at")
    assert delivered[-1] - pressed_s <= 1.0
    assert machine.open == set()
    told = text(tab, "#end")  # the server is gone: what happened can still be read
    assert "Nothing is captured any more. 4 files of this session were deleted." in told
    assert "utterances" not in told
    assert not shown(tab, "capturing")
    assert not shown(tab, "controls")
    assert text(tab, "#people") == text(tab, "#transcript") == ""
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"consent.jsonl"}
    assert [(e.decision, e.means) for e in Ledger().entries()] == [
        ("given", "option"),
        ("withdrawn", "client"),
    ]


@pytest.mark.parametrize(
    ("right", "capturing", "offered"),
    [("control", True, True), ("control", False, False), ("view", True, False)],
)
def test_only_who_may_control_a_run_that_captures_people_can_withdraw(
    tab, drawn, conversation, right, capturing, offered
):
    hello, *events = conversation
    with closing(FeedSink(port=0, control=RunControl(threading.Event()))) as feed:
        for seq, event in enumerate([replace(hello, capturing=capturing), *events[:-1]]):
            feed.write(event, seq)
        tab.open(feed.page(right))
        drawn("cold tonight.")
        assert shown(tab, "controls") == (right == "control")
        assert shown(tab, "withdraw") == offered


def workplace(conversation):
    """The conversation as it would be at work: words alone."""
    policy = policy_of("workplace")
    hello, *events = conversation

    def less(event):
        if getattr(event, "modalities", None) is None:
            return event
        kept = tuple(m for m in event.modalities if m == "text")
        missing = {**event.missing, **policy.missing}
        peers = {m: event.peers[m] for m in kept}
        return replace(
            event,
            modalities=kept,
            missing=missing,
            peers=peers,
            abstained=not kept,
            attribution=dict.fromkeys(kept, 1.0),
        )

    return [replace(hello, purpose="workplace", withheld=policy.explained), *map(less, events[:-1])]


def test_at_work_the_dashboard_says_what_is_not_used_and_why_and_shows_no_place_for_it(
    tab, drawn, conversation
):
    with closing(FeedSink(port=0, control=RunControl(threading.Event()))) as feed:
        for seq, event in enumerate(workplace(conversation)):
            feed.write(event, seq)
        tab.open(feed.page("control"))
        drawn("cold tonight.")
        assert text(tab, "#withheld h2") == "Voice and face are not used. Purpose: workplace."
        assert "the EU AI Act prohibits it there (Art. 5(1)(f))" in text(tab, "#withheld p")
        assert shown(tab, "withheld")
        assert not tab.evaluate("document.querySelector('[data-mute=visual]').checkVisibility()")
        assert tab.evaluate("document.getElementById('several').hidden")
        columns = tab.evaluate(
            "[...document.querySelectorAll('.person:first-child th[scope=col]')].map(n => n.textContent)"
        )
        assert columns == ["fusion", "words"]
        icons = tab.evaluate(
            "[...document.querySelectorAll('.person:first-child .icon.withheld')].map(n => n.textContent)"
        )
        assert icons == ["voice not used: workplace", "face not used: workplace"]


def test_at_work_the_overlay_says_so_for_as_long_as_the_run_goes_on(tab, drawn, conversation):
    reason = "the EU AI Act prohibits it there (Art. 5(1)(f)), and nobody's consent changes that."
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(workplace(conversation)):
            feed.write(event, seq)
        page, _, token = feed.page_url.partition("#")
        tab.open(f"{page}overlay?layout=bars#{token}")
        drawn("Words alone. No emotion is inferred from voices or faces at the workplace")
        assert text(tab, "#withheld").endswith(reason)
        feed.write(conversation[-1], len(conversation))
        tab.until("!document.getElementById('withheld').checkVisibility()")


def test_elsewhere_nothing_is_said_of_it(tab, drawn, conversation):
    with closing(FeedSink(port=0)) as feed:
        for seq, event in enumerate(conversation[:-1]):
            feed.write(event, seq)
        tab.open(feed.page_url)
        drawn("cold tonight.")
        assert not shown(tab, "withheld")
        assert not tab.evaluate("document.getElementById('several').hidden")
        page, _, token = feed.page_url.partition("#")
        tab.open(f"{page}overlay?layout=bars#{token}")
        drawn("%")
        assert not shown(tab, "withheld")


def test_who_only_watches_is_told_of_the_withdrawal_too(tab, drawn, hello):
    with closing(FeedSink(port=0)) as feed:
        feed.write(replace(hello, capturing=True), 0)
        tab.open(feed.page_url)
        tab.until("document.getElementById('capturing').checkVisibility()")
        feed.write(Status(3.0, "capture", "info", "nothing is captured any more", value="off"), 1)
        drawn("closed")
        message = "consent was withdrawn: this session has written no file"
        feed.write(Status(3.0, "consent", "warning", message, value="withdrawn"), 2)
        drawn("Consent was withdrawn at 0:03.")
    assert "This session has written no file." in text(tab, "#end")
    assert (
        tab.evaluate("[...document.querySelectorAll('.device')].map(n => n.dataset.state)") == ["closed"] * 2
    )
