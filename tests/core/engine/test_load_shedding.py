"""The load ladder: it goes down when the machine is too slow, up when there is room, and does not swing."""

from __future__ import annotations

import itertools
from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from core.config import LoadConfig
from core.engine.load_shedding import MEANING, ComputeBudget, LoadShedder, LoadStep, QueueAges

CONFIG = LoadConfig()
STEP_S = 0.25


def watch(
    ladder: LoadShedder, ages_s: float, duration_s: float, t0_s: float = 0.0
) -> list[tuple[float, LoadStep]]:
    """The changes while the words are always that old."""
    changes = []
    for i in range(round(duration_s / STEP_S)):
        t_s = t0_s + i * STEP_S
        if ladder.observe(QueueAges(t_s, {"words": ages_s, "unheard of": 99.0})):
            changes.append((t_s, ladder.step))
    return changes


def test_every_step_leaves_out_what_the_one_above_leaves_out_and_is_explained():
    budgets = [ComputeBudget.of(step) for step in LoadStep]
    for above, below in itertools.pairwise(budgets):
        assert below != above
        assert below.face_share <= above.face_share
        assert (below.partials, below.text, below.faces) <= (above.partials, above.text, above.faces)
        assert below.small_whisper >= above.small_whisper
    assert set(MEANING) == set(LoadStep)
    assert [step.label for step in LoadStep] == [
        "full",
        "fewer_faces",
        "no_partials",
        "small_whisper",
        "no_text",
        "audio_only",
    ]


def test_young_queues_change_nothing():
    assert watch(LoadShedder(CONFIG), 0.9 * CONFIG.limit_s.words, 600.0) == []


def test_one_old_measurement_is_no_reason_and_a_lasting_age_is():
    ladder = LoadShedder(CONFIG)
    assert not ladder.observe(QueueAges(0.0, {"words": 9.0}))
    assert not ladder.observe(QueueAges(0.25, {"words": 0.1}))
    changes = watch(ladder, 1.2 * CONFIG.limit_s.words, 20.0, t0_s=1.0)
    assert [step for _, step in changes] == list(LoadStep)[1:]
    assert changes[0][0] == pytest.approx(1.0 + CONFIG.down_after_s)
    apart = [b - a for (a, _), (b, _) in itertools.pairwise(changes)]
    assert apart == [CONFIG.settle_s] * 4


def test_ages_far_above_the_limit_do_not_wait_for_the_last_step_to_show_an_effect():
    changes = watch(LoadShedder(CONFIG), 3 * CONFIG.limit_s.words, 20.0)
    assert changes[-1][0] <= 5 * CONFIG.down_after_s + STEP_S


def test_when_there_is_room_again_it_goes_up_one_step_after_the_other():
    ladder = LoadShedder(CONFIG)
    watch(ladder, 9.0, 10.0)
    changes = watch(ladder, 0.1, 120.0, t0_s=10.0)
    assert [step for _, step in changes] == [LoadStep(4), LoadStep(3), LoadStep(2), LoadStep(1), LoadStep(0)]
    apart = [b - a for (a, _), (b, _) in itertools.pairwise(changes)]
    assert all(gap == CONFIG.up_after_s for gap in apart)


def test_between_room_and_overload_nothing_changes():
    ladder = LoadShedder(CONFIG)
    watch(ladder, 9.0, 2.0)
    step = ladder.step
    assert watch(ladder, 0.75 * CONFIG.limit_s.words, 1_000.0, t0_s=10.0) == []
    assert ladder.step is step > LoadStep.FULL


def test_steps_that_make_no_difference_are_left_out():
    ladder = LoadShedder(CONFIG, (LoadStep.FULL, LoadStep.NO_TEXT))
    assert [step for _, step in watch(ladder, 9.0, 20.0)] == [LoadStep.NO_TEXT]


def test_a_step_up_that_does_not_last_makes_the_next_one_wait_twice_as_long_up_to_a_limit():
    """Full effort is too much and one step below is fine, for an hour."""
    ladder, changes, t_s = LoadShedder(CONFIG), [], 0.0
    while t_s < 3_600.0:
        age_s = 3.0 if ladder.step is LoadStep.FULL else 0.1
        if ladder.observe(QueueAges(t_s, {"words": age_s})):
            changes.append((t_s, ladder.step))
        t_s += STEP_S
    ups = [t for t, step in changes if step is LoadStep.FULL]
    waits = [b - a for a, b in itertools.pairwise(ups)]
    assert waits[:3] == sorted(waits[:3])
    assert waits[1] / waits[0] == pytest.approx(2.0, rel=0.15)
    assert max(waits) <= CONFIG.patience_s + 5.0
    assert len(changes) < 45
    assert ladder.patience_s == CONFIG.patience_s


def test_a_step_up_that_lasts_earns_patience_back():
    ladder = LoadShedder(CONFIG)
    ladder.patience_s = 160.0
    watch(ladder, 3.0, 1.5)
    assert ladder.step is LoadStep.FEWER_FACES
    watch(ladder, 0.1, 160.0 + 2 * 160.0 + 2.0, t0_s=2.0)
    assert ladder.step is LoadStep.FULL
    assert ladder.patience_s == 80.0


# --- with a worker of varying speed ------------------------------------------------------------------


@dataclass
class Machine:
    """Three lanes that share one processor; orders come as the ladder's step has them.

    Costs are seconds at speed 1: a final and partial transcription, a detection, a block of voice.
    """

    ladder: LoadShedder
    t_s: float = 0.0
    queues: dict[str, deque[list[float]]] = field(
        default_factory=lambda: {"words": deque(), "sight": deque(), "sound": deque()}
    )
    changes: list[tuple[float, LoadStep]] = field(default_factory=list)
    oldest_s: list[float] = field(default_factory=list)
    _due: dict[str, float] = field(default_factory=dict)

    def run(self, duration_s: float, speed: float, step_s: float = 0.05) -> None:
        for _ in range(round(duration_s / step_s)):
            self.order()
            self.compute(step_s * speed)
            self.t_s += step_s
            ages = {lane: self.t_s - q[0][0] if q else 0.0 for lane, q in self.queues.items()}
            self.oldest_s.append(max(ages.values()))
            if self.ladder.observe(QueueAges(self.t_s, ages)):
                self.changes.append((self.t_s, self.ladder.step))

    def order(self) -> None:
        budget = ComputeBudget.of(self.ladder.step)
        final_s = 0.35 if budget.small_whisper else 0.8
        if budget.text:
            self.every("final", 3.0, "words", final_s)
        if budget.partials and not any(cost == 0.5 for _, cost in self.queues["words"]):
            self.every("partial", 1.5, "words", 0.5)
        if budget.faces and len(self.queues["sight"]) == 0:  # the newest picture only
            self.every("face", 0.2 / budget.face_share, "sight", 0.03)
        self.every("voice", 0.5, "sound", 0.02)

    def every(self, name: str, period_s: float, lane: str, cost_s: float) -> None:
        if self.t_s >= self._due.get(name, 0.0):
            self._due[name] = self.t_s + period_s
            self.queues[lane].append([self.t_s, cost_s])

    def compute(self, budget_s: float) -> None:
        busy = [queue for queue in self.queues.values() if queue]
        while busy and budget_s > 1e-9:  # each lane a thread: they share the processor evenly
            share_s = budget_s / len(busy)
            budget_s = 0.0
            for queue in busy:
                used_s = min(share_s, queue[0][1])
                queue[0][1] -= used_s
                budget_s += share_s - used_s
                if queue[0][1] <= 1e-9:
                    queue.popleft()
            busy = [queue for queue in self.queues.values() if queue]


speeds = st.lists(st.tuples(st.floats(5.0, 90.0), st.floats(0.12, 4.0)), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(speeds)
def test_queue_ages_stay_bounded_and_the_step_does_not_swing_whatever_the_speed(phases):
    machine = Machine(LoadShedder(CONFIG))
    for duration_s, speed in phases:
        machine.run(duration_s, speed)
    assert max(machine.oldest_s) < 45.0  # what was ordered before the first steps, at an eighth of the speed
    for a, b in itertools.pairwise(machine.changes):
        gap_s = b[0] - a[0]
        assert gap_s >= CONFIG.down_after_s - 0.1
        if b[1] < a[1]:
            assert gap_s >= CONFIG.up_after_s - 0.1
    ups = sum(b < a for (_, a), (_, b) in itertools.pairwise(machine.changes))
    assert ups <= 1 + machine.t_s / CONFIG.up_after_s


@settings(max_examples=12, deadline=None)
@given(st.floats(0.12, 2.0))
@example(0.20952)
@example(0.21424)  # the speeds at which it goes on trying: two steps up, two down, once in three minutes
def test_at_a_steady_speed_ages_settle_below_the_limits_and_changes_become_rare(speed):
    machine = Machine(LoadShedder(CONFIG))
    machine.run(600.0, speed)
    late = [t for t, _ in machine.changes if t > 300.0]
    assert len(late) <= 8
    settled = machine.oldest_s[-len(machine.oldest_s) // 2 :]
    over = sum(age > CONFIG.limit_s.words * 1.5 for age in settled)
    assert over < 0.1 * len(settled)


@settings(max_examples=12, deadline=None)
@given(st.floats(1.5, 4.0), st.floats(0.1, 0.3))
def test_after_a_slow_minute_a_fast_machine_comes_back_to_full_effort(fast, slow):
    machine = Machine(LoadShedder(CONFIG))
    machine.run(20.0, fast)
    assert machine.ladder.step is LoadStep.FULL
    machine.run(60.0, slow)
    assert machine.ladder.step > LoadStep.FULL
    machine.run(120.0 + 40.0, fast)
    assert machine.ladder.step is LoadStep.FULL
