from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.feed.history import MAX_ROLLING, History
from realtime.feed.message import Message
from realtime.feed.outbox import Outbox


def lasting(name, subject=None):
    return Message(str(name), False, None, ("status", str(subject or name)))


def rolling(name, person):
    return Message(str(name), False, person, ("rolling", person))


def drain(outbox):
    messages = []
    while (message := outbox.pop()) is not None:
        messages.append(message)
    return messages


steps = st.lists(st.one_of(st.just("lasting"), st.just("pop"), st.sampled_from(["p1", "p2", "p3"])))


@given(steps)
def test_order_is_kept_nothing_lasting_is_lost_and_the_newest_rolling_of_each_person_gets_through(steps):
    outbox = Outbox(max_backlog=10**6)
    sent, left = [], []
    for number, step in enumerate(steps):
        if step == "pop":
            left += filter(None, [outbox.pop()])
        else:
            message = lasting(number) if step == "lasting" else rolling(number, step)
            sent.append(message)
            outbox.put(message)
        assert len({m.rolling for m in sent} - {None}) >= len(outbox._rolling)
    left += drain(outbox)
    numbers = [int(message.text) for message in left]
    assert numbers == sorted(numbers)
    assert [m for m in left if m.rolling is None] == [m for m in sent if m.rolling is None]
    for person in ("p1", "p2", "p3"):
        assert [m for m in left if m.rolling == person][-1:] == [m for m in sent if m.rolling == person][-1:]
    assert len(outbox) == 0


def test_only_lasting_messages_count_towards_the_bound():
    outbox = Outbox(max_backlog=2)
    for number in range(100):
        outbox.put(rolling(number, f"p{number}"))
    outbox.put(lasting(1))
    outbox.put(lasting(2))
    assert not outbox.overflows
    outbox.put(lasting(3))
    assert outbox.overflows
    outbox.clear()
    assert outbox.pop() is None


def test_a_late_joiner_is_told_the_newest_of_each_subject_in_the_order_of_saying():
    history = History(max_messages=10)
    hello = Message("hello", True, None, ("hello", "0"))
    for message in [lasting("before"), hello, lasting("u1 open", "u1"), rolling("r1", "p1"), lasting("gap"),
                    rolling("r2", "p1"), lasting("u1 final", "u1"), rolling("r3", "p2")]:  # fmt: skip
        history.add(message)
    assert [m.text for m in history.snapshot()] == ["hello", "gap", "r2", "u1 final", "r3"]


def test_history_is_bounded_and_never_loses_the_hello():
    history = History(max_messages=3)
    history.add(Message("hello", True, None, ("hello", "0")))
    for number in range(1000):
        history.add(lasting(number))
        history.add(rolling(f"r{number}", f"p{number}"))
    texts = [m.text for m in history.snapshot()]
    assert texts[0] == "hello"
    assert [text for text in texts if text.isdecimal()] == ["997", "998", "999"]
    assert len(texts) == 1 + 3 + MAX_ROLLING
