from __future__ import annotations

import io
import sys
from dataclasses import replace
from itertools import pairwise

import matplotlib.image
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.events import EmotionEstimate, Hello, Status, Transcript, Utterance
from realtime.sinks.timeline import TimelineSink
from realtime.sinks.timeline_data import (
    MAX_BINS,
    MAX_CHARACTERS,
    MAX_SPEECH,
    MAX_WARNINGS,
    Curve,
    TimelineData,
)
from realtime.sinks.timeline_figure import MAX_PEOPLE, shown_people


def picture(folder, events):
    sink = TimelineSink(folder)
    for seq, event in enumerate(events):
        sink.write(event, seq)
    sink.close()
    return matplotlib.image.imread(io.BytesIO((folder / "timeline.png").read_bytes()), format="png")


def colours_of(image):
    return {tuple(colour) for colour in np.round(image[..., :3].reshape(-1, 3) * 255).astype(int)}


def test_the_picture_grows_with_the_people_and_shows_every_label_s_colour(tmp_path, conversation):
    both = picture(tmp_path / "both", conversation)
    one = picture(tmp_path / "one", [e for e in conversation if getattr(e, "person", "p1") == "p1"])
    assert both.shape[0] > 1.5 * one.shape[0]
    assert both.shape[1] == one.shape[1]
    colours = colours_of(both)
    for red, green, blue in [(213, 94, 0), (0, 114, 178), (86, 180, 233), (122, 122, 122)]:
        assert any(abs(r - red) + abs(g - green) + abs(b - blue) < 40 for r, g, b in colours)


def test_a_run_without_people_still_gives_a_picture(tmp_path, hello):
    assert picture(tmp_path, [hello]).shape[2] in {3, 4}


def test_words_with_dollar_signs_or_foreign_script_do_not_stop_the_drawing(tmp_path, conversation):
    strange = [
        replace(event, text=r"$\frac{1}{0$ 你好 <b>") if isinstance(event, Transcript) else event
        for event in conversation
    ]
    assert picture(tmp_path, strange).size


def test_the_same_run_gives_the_same_picture(tmp_path, conversation):
    picture(tmp_path / "a", conversation)
    picture(tmp_path / "b", conversation)
    assert (tmp_path / "a/timeline.png").read_bytes() == (tmp_path / "b/timeline.png").read_bytes()


def test_drawing_leaves_matplotlib_s_global_state_alone(tmp_path, conversation, monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    picture(tmp_path, conversation)
    assert "matplotlib.pyplot" not in sys.modules


def curve_of(t_s, values, present=(True, False, True)):
    curve = Curve(0.25)
    for t, value in zip(t_s, values, strict=True):
        curve.add(t, (value,), present)
    return curve


def test_an_hour_is_averaged_into_few_bins_that_keep_the_mean():
    t_s = np.arange(1, 14_400) * 0.25
    values = np.sin(t_s / 100) * 0.5 + 0.5
    times_s, probabilities, present = curve_of(t_s, values).points()
    assert len(times_s) <= MAX_BINS + 1
    assert np.nanmean(probabilities) == pytest.approx(values.mean(), abs=0.01)
    assert np.nanmax(np.abs(probabilities[:, 0] - (np.sin(times_s / 100) * 0.5 + 0.5))) < 0.05
    np.testing.assert_array_equal(np.unique(present[~np.isnan(present)]), [0.0, 1.0])


def test_a_person_who_was_away_leaves_a_hole_and_a_late_estimate_does_not():
    _, probabilities, _ = curve_of([0.25, 0.5, 1.0, 3.0], [0.5] * 4).points()
    filled = ~np.isnan(probabilities[:, 0])
    assert filled.tolist() == [True, True, True, True, True] + [False] * 6 + [True, True]


@given(st.lists(st.tuples(st.floats(0, 20_000), st.floats(0, 1)), min_size=1, max_size=60))
def test_however_bins_are_joined_nothing_is_lost_and_no_mean_leaves_the_range_of_its_values(estimates):
    curve = Curve(0.25)
    for t_s, value in estimates:
        curve.add(t_s, (value,), (True, True, False))
    times_s, probabilities, present = curve.points()
    assert len(curve) <= MAX_BINS
    assert len(times_s) <= MAX_BINS + 1
    values = [value for _, value in estimates]
    assert np.nanmin(probabilities) >= min(values) - 1e-6
    assert np.nanmax(probabilities) <= max(values) + 1e-6
    np.testing.assert_array_equal(present[~np.isnan(present[:, 0])][0], [1.0, 1.0, 0.0])


def long_run(hello, conversation, hours):
    """The conversation again and again, with warnings: (event, seconds of the run)."""
    said = [event for event in conversation if isinstance(event, Utterance | Transcript | EmotionEstimate)]
    yield hello
    for turn in range(hours * 300):
        shift_s = turn * 12.0
        for event in said:
            moved = {"t0_s": event.t0_s + shift_s, "t1_s": event.t1_s + shift_s}
            match event:
                case Utterance():
                    yield replace(event, id=f"{event.id}-{turn}", **moved)
                case Transcript():
                    yield replace(event, utterance=f"{event.utterance}-{turn}", text=event.text * 40, **moved)
                case EmotionEstimate():
                    yield replace(event, utterance=event.utterance and f"{event.utterance}-{turn}", **moved)
        for tenth in range(12):
            yield Status(shift_s + tenth, "gap", "warning", "A gap.")


def kept(data):
    """How many values and characters the data holds."""
    return {
        "bins": sum(len(curve) for curve in data.curves.values()),
        "speech": len(data.speech),
        "characters": sum(len(speech.text) for speech in data.speech.values()),
        "warnings": len(data.warning_times_s),
    }


def test_three_hours_keep_no_more_than_the_picture_can_show(hello, conversation):
    data = TimelineData(hello)
    for event in long_run(hello, conversation, hours=3):
        data.add(event)
    left = kept(data)
    assert left["bins"] <= 2 * MAX_BINS
    assert left["speech"] <= MAX_SPEECH
    assert left["characters"] <= MAX_SPEECH * MAX_CHARACTERS
    assert left["warnings"] <= MAX_WARNINGS
    assert data.end_s == pytest.approx(3 * 3600, abs=12)
    assert {speech.person for speech in data.speech.values()} == {"p1", "p2"}


def test_utterances_that_begin_in_one_pixel_become_one_and_the_newest_keep_their_words(hello):
    data = TimelineData(hello)
    for number in range(20_000):
        t_s = number * 1.0
        data.add(Utterance(f"u{number}", "p1", t_s, t_s + 0.9, ended_by="pause", final=True))
        data.add(
            Transcript(f"u{number}", "p1", t_s, t_s + 0.9, f"words {number}", (), "", "en", 0, final=True)
        )
    spans = sorted(data.speech.values(), key=lambda speech: speech.t0_s)
    assert len(spans) <= MAX_SPEECH
    assert spans[-1].text == "words 19999"
    covered_s = sum(speech.t1_s - speech.t0_s for speech in spans)
    assert covered_s == pytest.approx(20_000, rel=0.12)
    assert all(a.t1_s <= b.t0_s for a, b in pairwise(spans))


def test_an_hour_with_more_than_fits_can_be_drawn(tmp_path, hello, conversation):
    sink = TimelineSink(tmp_path)
    for seq, event in enumerate(long_run(hello, conversation, hours=1)):
        sink.write(event, seq)
    sink.close()
    assert (tmp_path / "timeline.png").stat().st_size > 10_000


def test_finals_alone_draw_no_curve(tmp_path, conversation):
    finals = [e for e in conversation if isinstance(e, Hello) or (isinstance(e, EmotionEstimate) and e.final)]
    assert picture(tmp_path, finals).size


def test_who_speaks_is_drawn_before_those_who_are_only_seen(conversation):
    data = TimelineData(conversation[0])
    rolling = [e for e in conversation if isinstance(e, EmotionEstimate) and not e.final]
    for number in range(MAX_PEOPLE + 2):
        for event in rolling:
            data.add(replace(event, person=f"p{number + 1}", utterance=None))
    data.add(Utterance("x1", "p99", 1.0, 3.0, "pause", True))
    shown, others = shown_people(data)
    assert "p99" in shown
    assert (len(shown), len(others)) == (MAX_PEOPLE, 3)
    assert shown == sorted(shown, key=lambda person: int(person[1:]))
