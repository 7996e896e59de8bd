"""What is remembered, what waits, and that together they lose nothing: without sockets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.testing import FakeClock
from realtime.feed.channel import Channel
from realtime.feed.client_messages import Resume, Subscription
from realtime.feed.close_codes import CloseCode, Refusal
from realtime.feed.codec import Message, framed
from realtime.feed.history import MAX_ROLLING, History
from realtime.feed.limits import Limits, RateLimiter
from realtime.feed.viewer import SendQueue, SubscriptionFilter, Viewer


def lasting(seq, subject=None, kind="status", person=None):
    text = json.dumps({"seq": seq, "final": True})
    return Message(framed(text), seq, kind, person, False, (kind, str(subject or seq)))


def rolling(seq, person):
    text = json.dumps({"seq": seq, "final": False})
    return Message(framed(text), seq, "estimate", person, True, ("rolling", person))


def hello(seq=0):
    return lasting(seq, kind="hello")


def message_in(frame):
    return json.loads(frame[frame.index(b"{") :])


def numbers(frames):
    return [message_in(frame)["seq"] for frame in frames]


def drain(queue):
    return list(iter(queue.pop, None))


# --- the queue of one client -------------------------------------------------------------------------

steps = st.lists(st.one_of(st.just("lasting"), st.just("pop"), st.sampled_from(["p1", "p2", "p3"])))


@given(steps)
def test_order_is_kept_nothing_lasting_is_lost_and_the_newest_rolling_of_each_person_gets_through(steps):
    queue = SendQueue()
    put, left = [], []
    for seq, step in enumerate(steps):
        if step == "pop":
            left += filter(None, [queue.pop()])
        else:
            message = lasting(seq) if step == "lasting" else rolling(seq, step)
            put.append(message)
            queue.put_event(message)
        assert queue.sent + queue.conflated + queue.waiting == len(put)
    left = numbers([*left, *drain(queue)])
    assert left == sorted(left)
    assert {m.seq for m in put if not m.rolling} <= set(left)
    for person in ("p1", "p2", "p3"):
        assert {m.seq for m in [m for m in put if m.person == person][-1:]} <= set(left)
    assert len(queue) == 0
    assert queue.sent + queue.conflated == len(put)


def test_only_what_may_not_be_dropped_and_is_no_past_counts_towards_the_bound():
    queue = SendQueue()
    queue.put_past([lasting(n).frame for n in range(50)])
    for seq in range(100):
        queue.put_event(rolling(seq, f"p{seq}"))
    assert queue.backlog == 0
    queue.put_event(lasting(100))
    queue.put_reply(lasting(101).frame)
    assert queue.backlog == 2
    drain(queue)
    assert queue.backlog == 0


def test_a_new_account_counts_only_what_is_put_in_afterwards():
    queue = SendQueue()
    queue.put_event(rolling(0, "p1"))
    queue.put_event(lasting(1))
    queue.restart()
    queue.put_event(rolling(2, "p1"))
    assert (queue.sent, queue.conflated, queue.waiting) == (0, 0, 1)
    assert numbers(drain(queue)) == [1, 2]
    assert (queue.sent, queue.conflated, queue.waiting) == (1, 0, 0)


def test_when_events_are_dropped_answers_stay():
    queue = SendQueue()
    queue.put_event(lasting(0))
    queue.put_reply(lasting(1).frame)
    queue.put_past([lasting(2).frame])
    queue.put_event(rolling(3, "p1"))
    queue.drop_events()
    assert queue.backlog == 1
    assert numbers(drain(queue)) == [1]


# --- what is remembered ------------------------------------------------------------------------------


def test_a_late_joiner_is_told_the_newest_of_each_subject_in_the_order_of_saying():
    history = History(Limits())
    for message in [lasting(7), hello(), lasting(1, "u1"), rolling(2, "p1"), lasting(3),
                    rolling(4, "p1"), lasting(5, "u1"), rolling(6, "p2")]:  # fmt: skip
        history.add(message)
    assert [message.seq for message in history.snapshot()] == [0, 3, 4, 5, 6]
    assert [message.seq for message in history.since(1)] == [3, 4, 5, 6]
    assert [message.seq for message in history.since(5)] == [6]


def test_what_is_to_be_forgotten_is_and_who_comes_back_is_told_that_there_is_a_gap():
    history = History(Limits())
    for message in [hello(), lasting(1, "u1"), rolling(2, "p1"), lasting(3), rolling(4, "p1")]:
        history.add(message)
    history.forget()
    assert history.snapshot() == []
    assert history.since(3) is None
    assert history.since(4) == []
    history.add(lasting(5))
    assert [message.seq for message in history.snapshot()] == [5]
    assert [message.seq for message in history.since(4)] == [5]
    history.forget()
    history.forget()
    assert history.since(5) == []


def test_both_memories_are_bounded_and_the_snapshot_never_loses_the_hello():
    history = History(Limits(max_history=3, max_log=5))
    history.add(hello())
    for seq in range(1, 2000, 2):
        history.add(lasting(seq))
        history.add(rolling(seq + 1, f"p{seq}"))
    told = history.snapshot()
    assert told[0].kind == "hello"
    assert [m.seq for m in told if m.kind == "status"] == [1995, 1997, 1999]
    assert len(told) == 1 + 3 + MAX_ROLLING
    assert history.known_from == 1990
    assert history.since(1988) is None
    assert [m.seq for m in history.since(1989) if not m.rolling] == [1991, 1993, 1995, 1997, 1999]


def test_the_log_is_bounded_in_bytes_too():
    frame = len(lasting(100).frame)
    history = History(Limits(max_log_bytes=10 * frame))
    for seq in range(100, 200):
        history.add(lasting(seq))
    assert history.known_from == 190


# --- what one client wants ---------------------------------------------------------------------------


def test_a_subscription_leaves_out_kinds_people_and_rolling_estimates_but_never_hello_and_end():
    end = lasting(9, kind="end")
    chosen = SubscriptionFilter(Subscription(kinds=("estimate",), persons=("p1",), rolling=False))
    assert [chosen.matches(m) for m in (hello(), end, lasting(1), lasting(2, kind="estimate", person="p1"),
                                       lasting(3, kind="estimate", person="p2"), rolling(4, "p1"))
            ] == [True, True, False, True, False, False]  # fmt: skip
    nothing = SubscriptionFilter(Subscription(kinds=()))
    assert [nothing.matches(m) for m in (hello(), end, lasting(1))] == [True, True, False]


@pytest.mark.parametrize("rate_hz", [0.5, 1.0, 3.0, 4.0, 30.0])
def test_the_rate_of_rolling_estimates_is_kept_on_the_average_for_each_person(rate_hz):
    chosen = SubscriptionFilter(Subscription(rate_hz=rate_hz))
    taken = {"p1": 0, "p2": 0}
    for step in range(10 * 60):
        for person in taken:
            taken[person] += chosen.accepts(rolling(step, person), step / 10 + (0.02 if step % 3 else 0.0))
    assert all(abs(count - min(rate_hz, 10) * 60) <= 1 for count in taken.values())
    assert chosen.accepts(lasting(1), 0.0)


def test_a_pause_does_not_save_up_turns():
    chosen = SubscriptionFilter(Subscription(rate_hz=1.0))
    assert chosen.accepts(rolling(0, "p1"), 0.0)
    burst = [chosen.accepts(rolling(n, "p1"), 100.0 + n / 100) for n in range(50)]
    assert sum(burst) <= 2


# --- resuming, over all disconnections there may be --------------------------------------------------


class Wire:
    """A connection that takes frames while it has room."""

    def __init__(self):
        self.paused = False
        self.frames = []
        self.reason = None

    def write(self, frame):
        assert not self.paused
        self.frames.append(frame)

    def request_close(self, reason):
        self.reason = self.reason or reason


class Follower:
    """A client that joins, loses its connection and resumes, keeping every event it was told."""

    def __init__(self, channel):
        self.channel = channel
        self.heard = []
        self.gaps = 0
        self.run = None
        self.connect()

    def connect(self):
        self.wire = Wire()
        self.viewer = Viewer(self.wire, Limits(), FakeClock())
        self.read = 0
        if self.run is None or not self.heard:
            self.channel.join(self.viewer, None)
        else:
            resume = Resume(self.run, self.heard[-1])
            self.channel.may_resume(resume)
            self.channel.resume(self.viewer, resume, None)

    def take(self, count=None):
        """Read what has come, at most `count` frames of it."""
        until = len(self.wire.frames) if count is None else min(len(self.wire.frames), self.read + count)
        for frame in self.wire.frames[self.read : until]:
            message = message_in(frame)
            if "type" not in message:
                self.heard.append(message["seq"])
            elif message["type"] == "gap":
                self.gaps += 1
            else:
                self.run = message["run"]
        self.read = until

    def lose(self, count):
        """The connection breaks after `count` more frames; the rest never arrives."""
        self.take(count)
        self.channel.leave(self.viewer)


story = st.lists(
    st.one_of(
        st.just("final"), st.just("final"), st.sampled_from(["p1", "p2"]), st.just("pause"), st.just("go on"),
        st.tuples(st.just("lose"), st.integers(0, 5)), st.just("return"), st.just("read"),
    ), max_size=60,
)  # fmt: skip


@given(story)
def test_whenever_connections_break_resuming_yields_exactly_the_missed_finals_in_order(story):
    channel = Channel("main", Limits())
    channel.publish(hello())
    follower, here, finals, seq = Follower(channel), True, [0], 0
    for step in [*story, "return", "go on", "read"]:
        if step in {"final", "p1", "p2"}:
            seq += 1
            channel.publish(lasting(seq) if step == "final" else rolling(seq, step))
            finals += [seq] if step == "final" else []
        elif step == "return" and not here:
            follower.connect()
            here = True
        elif isinstance(step, tuple) and here:
            follower.lose(step[1])
            here = False
        elif step == "read" and here:
            follower.take()
        elif step in {"pause", "go on"}:
            follower.wire.paused = step == "pause"
            if step == "go on":
                follower.viewer.writable()
        assert follower.heard == sorted(set(follower.heard)) or follower.heard.count(0) > 1
    told = [number for number in follower.heard if number in set(finals)]
    if follower.heard.count(0) == 1:
        assert told == finals
    assert set(told) == set(finals)
    assert follower.gaps == 0


def test_a_storm_of_500_that_come_back_at_once_loses_no_final():
    channel = Channel("main", Limits())
    channel.publish(hello())
    followers = [Follower(channel) for _ in range(500)]
    for seq in range(1, 41):
        channel.publish(lasting(seq) if seq % 2 else rolling(seq, "p1"))
    for number, follower in enumerate(followers):
        follower.lose(number % 40)
    for seq in range(41, 81):
        channel.publish(lasting(seq) if seq % 2 else rolling(seq, "p1"))
    for follower in followers:
        follower.connect()
        follower.take()
        finals = [seq for seq in follower.heard if seq % 2]
        assert finals == list(range(1, 81, 2))
    assert not [follower for follower in followers if follower.gaps]


def test_the_accounts_explain_every_number_up_to_the_newest():
    channel = Channel("main", Limits())
    channel.publish(hello())
    wire = Wire()
    viewer = Viewer(wire, Limits(), FakeClock())
    channel.join(viewer, Subscription(kinds=("estimate", "utterance")))
    for seq in range(1, 101):
        wire.paused = 30 < seq < 60
        viewer.writable()
        channel.publish([lasting(seq), lasting(seq, kind="utterance"), rolling(seq, "p1")][seq % 3])
        assert viewer.sent + viewer.conflated + viewer.filtered + viewer.waiting == seq
    assert viewer.conflated > 0
    assert channel.totals() == (viewer.sent, viewer.conflated, viewer.filtered)
    channel.leave(viewer)
    assert sum(channel.totals()) == 100


def test_when_too_much_was_missed_the_gap_is_said_and_a_snapshot_follows():
    channel = Channel("main", Limits(max_log=5))
    channel.publish(hello())
    follower = Follower(channel)
    follower.lose(10)
    for seq in range(1, 21):
        channel.publish(lasting(seq))
    follower.connect()
    kinds = [message_in(frame).get("type") for frame in follower.wire.frames[:2]]
    assert kinds == ["gap", "snapshot"]
    gap = message_in(follower.wire.frames[0])
    assert (gap["after"], gap["known_from"]) == (0, 16)


@pytest.mark.parametrize(
    ("run", "seq", "field"),
    [
        ("another", 1, "identify.resume.run"),
        (None, 3, "identify.resume.seq"),
        (None, 2**53, "identify.resume.seq"),
    ],
)
def test_numbers_of_another_run_or_of_the_future_are_refused(run, seq, field):
    channel = Channel("main", Limits())
    with pytest.raises(Refusal):
        channel.may_resume(Resume("r", 0))
    for message in (hello(), lasting(1), lasting(2)):
        channel.publish(message)
    with pytest.raises(Refusal) as refused:
        channel.may_resume(Resume(run or channel.run, seq))
    assert refused.value.code is CloseCode.RESUME_REFUSED
    assert refused.value.field == field
    assert channel.may_resume(Resume(channel.run, 2))


# --- how often ---------------------------------------------------------------------------------------


def test_a_bucket_allows_a_burst_and_then_its_rate():
    bucket = RateLimiter(2.0, 5, now_s=0.0)
    assert sum(bucket.take(0.0) for _ in range(10)) == 5
    assert sum(bucket.take(10.0) for _ in range(10)) == 5
    assert sum(bucket.take(10.0 + n / 10) for n in range(1, 101)) == 20
