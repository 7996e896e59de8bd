import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.config import VoiceConfig
from core.errors import StreamGap
from core.stages.endpointing import Endpointer, EndpointerState, TurnEnded, TurnStarted

FRAME = 512
CONFIG = VoiceConfig()


def frames(*parts):
    """(seconds, probability) parts as a list of frame probabilities."""
    return [p for seconds, p in parts for _ in range(round(seconds * 16_000 / FRAME))]


def play(probabilities, config=CONFIG, *, start=0, flush=True):
    turns, events = Endpointer(config), []
    for i, p in enumerate(probabilities):
        events += turns.push(start + i * FRAME, p)
    if flush:
        events += turns.flush(start + len(probabilities) * FRAME)
    return events


def closed(events):
    return [e for e in events if isinstance(e, TurnEnded)]


def test_a_turn_opens_after_enough_speech_and_closes_after_the_pause_with_padding_on_both_sides():
    events = play(frames((1, 0), (1.024, 0.9), (1, 0)), flush=False)
    speech_start, speech_end = 31 * FRAME, (31 + 32) * FRAME
    assert events == [
        TurnStarted("u1", speech_start - 3_200, speech_start + 4 * FRAME),
        TurnEnded("u1", speech_start - 3_200, speech_end + 3_200, speech_end + 16 * FRAME, "pause"),
    ]


def test_an_utterance_of_200_ms_is_a_turn():
    assert len(closed(play(frames((1, 0), (0.2, 0.9), (1, 0))))) == 1


@pytest.mark.parametrize("seconds", [0.032, 0.064])
def test_a_click_is_no_turn(seconds):
    assert play(frames((1, 0), (seconds, 1), (0.5, 0), (seconds, 1), (1, 0))) == []


def test_a_short_pause_does_not_end_a_turn_and_a_long_one_does():
    assert len(closed(play(frames((1, 0.9), (0.3, 0), (1, 0.9))))) == 1
    assert len(closed(play(frames((1, 0.9), (0.8, 0), (1, 0.9))))) == 2


def test_between_the_two_thresholds_a_turn_stays_open_but_none_opens():
    assert play(frames((2, 0.4))) == []
    assert len(closed(play(frames((0.5, 0.9), (2, 0.4), (0.5, 0.9))))) == 1


def test_a_turn_that_lasts_until_the_end_is_closed_by_it():
    (turn,) = closed(play(frames((0.5, 0), (1, 0.9))))
    assert turn.ended_by == "end"
    assert turn.end_sample == turn.decided_sample == 47 * FRAME


def test_padding_does_not_reach_into_the_previous_turn():
    config = VoiceConfig(pad_s=0.5, end_pause_s=0.5)
    first, second = closed(play(frames((1, 0.9), (0.64, 0), (1, 0.9)), config))
    assert first.end_sample == second.start_sample


def test_a_monologue_of_90_s_is_tiled_by_turns_that_are_not_too_long():
    events = play(frames((90, 0.95), (1, 0)))
    turns = closed(events)
    assert all(t.end_sample - t.start_sample <= 12 * 16_000 for t in turns)
    assert all(a.end_sample == b.start_sample for a, b in itertools.pairwise(turns))
    assert turns[0].start_sample == 0
    assert turns[-1].end_sample >= 90 * 16_000 - FRAME
    assert [t.ended_by for t in turns] == ["max_length"] * (len(turns) - 1) + ["pause"]
    assert [t.utterance for t in turns] == [f"u{i + 1}" for i in range(len(turns))]


def test_a_long_turn_is_split_where_it_is_quietest():
    speech = frames((10, 0.95), (0.2, 0.5), (10, 0.95))
    first, second = closed(play(speech))
    quiet = range(312 * FRAME, 319 * FRAME)
    assert first.end_sample in quiet
    assert second.start_sample == first.end_sample


def test_a_long_turn_in_whose_quiet_end_nobody_speaks_is_not_followed_by_an_empty_one():
    turns = closed(play(frames((11.8, 0.95), (1, 0))))
    assert len(turns) == 1
    assert turns[0].ended_by == "max_length"
    assert turns[0].end_sample >= 11.8 * 16_000 - FRAME


def test_a_gap_ends_the_turn_and_the_next_does_not_reach_back_over_it():
    turns, events = Endpointer(CONFIG), []
    for i in range(50):
        events += turns.push(i * FRAME, 0.9)
    events += turns.gap(50 * FRAME, 100_000)
    for i in range(50):
        events += turns.push(100_000 + i * FRAME, 0.9)
    events += turns.flush(100_000 + 50 * FRAME)
    first, second = closed(events)
    assert (first.end_sample, first.ended_by) == (50 * FRAME, "gap")
    assert second.start_sample == 100_000


def test_speech_that_had_just_begun_before_a_gap_does_not_count_after_it():
    turns = Endpointer(CONFIG)
    assert turns.push(0, 1) == turns.push(FRAME, 1) == []
    assert turns.gap(2 * FRAME, 20_000) == []
    assert turns.push(20_000, 1) == turns.push(20_000 + FRAME, 1) == []


def test_a_hole_between_frames_is_a_gap():
    turns, events = Endpointer(CONFIG), []
    for i in range(20):
        events += turns.push(i * FRAME, 0.9)
    events += turns.push(40 * FRAME, 0.9)
    assert closed(events)[0].ended_by == "gap"


def test_frames_do_not_go_back():
    turns = Endpointer(CONFIG)
    turns.push(5_120, 0)
    with pytest.raises(StreamGap):
        turns.push(5_000, 0)


def test_a_stream_may_begin_late():
    (turn,) = closed(play(frames((1, 0.9)), start=1_000_000))
    assert turn.start_sample == 1_000_000


# --- whatever is heard ---------------------------------------------------------------------------------

probability_runs = st.lists(
    st.tuples(st.integers(1, 60), st.sampled_from([0.0, 0.2, 0.36, 0.45, 0.6, 0.8, 1.0])), max_size=30
).map(lambda runs: [p for n, p in runs for _ in range(n)])
noisy_probabilities = st.lists(st.floats(0, 1), max_size=400)
heard = probability_runs | noisy_probabilities
configs = st.builds(
    VoiceConfig,
    min_speech_s=st.sampled_from([0.03, 0.1, 1.0]),
    end_pause_s=st.sampled_from([0.03, 0.5, 2.0]),
    pad_s=st.sampled_from([0.0, 0.2, 1.0]),
    max_turn_s=st.sampled_from([2.0, 3.5, 12.0]),
)


@settings(max_examples=150, deadline=None)
@given(heard, configs, st.integers(0, 50_000))
def test_turns_are_ordered_disjoint_within_bounds_and_closed_once(probabilities, config, start):
    events = play(probabilities, config, start=start)
    opened = [e for e in events if isinstance(e, TurnStarted)]
    ended = closed(events)
    assert [(e.utterance, e.start_sample) for e in opened] == [(e.utterance, e.start_sample) for e in ended]
    assert [e.utterance for e in opened] == [f"u{i + 1}" for i in range(len(opened))]
    assert [e.decided_sample for e in events] == sorted(e.decided_sample for e in events)
    assert all(a.end_sample <= b.start_sample for a, b in itertools.pairwise(ended))
    limit = start + len(probabilities) * FRAME
    for turn in ended:
        assert start <= turn.start_sample < turn.end_sample <= limit
        assert turn.end_sample <= turn.decided_sample
        assert turn.end_sample - turn.start_sample <= config.max_turn_s * 16_000


@settings(max_examples=100, deadline=None)
@given(heard, configs, st.data())
def test_a_snapshot_goes_on_as_if_nothing_had_happened(probabilities, config, data):
    middle = data.draw(st.integers(0, len(probabilities)))
    straight = play(probabilities, config)
    first, events = Endpointer(config), []
    for i, p in enumerate(probabilities[:middle]):
        events += first.push(i * FRAME, p)
    kept = first.state
    for i, p in enumerate(probabilities[middle:], start=middle):
        first.push(i * FRAME, 1 - p)  # the first one lives on differently
    second = Endpointer(config, kept)
    for i, p in enumerate(probabilities[middle:], start=middle):
        events += second.push(i * FRAME, p)
    events += second.flush(len(probabilities) * FRAME)
    assert events == straight


@settings(max_examples=50, deadline=None)
@given(heard, st.integers(0, 10**6))
def test_where_a_stream_begins_only_moves_the_turns(probabilities, start):
    def moved(events):
        return [(type(e), e.start_sample - start, e.decided_sample - start) for e in events]

    here = [(type(e), e.start_sample, e.decided_sample) for e in play(probabilities)]
    assert moved(play(probabilities, start=start)) == here


@settings(max_examples=100, deadline=None)
@given(heard, configs)
def test_speech_that_is_long_enough_is_inside_turns(probabilities, config):
    """Every frame of a run above `on` at least as long as the shortest speech lies in some turn."""
    ended = closed(play(probabilities, config))
    needed = -(-round(config.min_speech_s * 16_000) // FRAME)
    at = 0
    for loud, run in itertools.groupby(p >= config.on for p in probabilities):
        length = len(list(run))
        if loud and length >= needed:
            covered = sum(
                max(0, min(t.end_sample, (at + length) * FRAME) - max(t.start_sample, at * FRAME))
                for t in ended
            )
            assert covered == length * FRAME
        at += length


def test_the_fresh_state_is_a_value():
    assert Endpointer(CONFIG).state == EndpointerState()
