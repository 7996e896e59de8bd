from __future__ import annotations

import io
import sys
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest

from core.events import EmotionEstimate, Hello, Transcript
from realtime.sinks.timeline import Curve, TimelineSink
from realtime.sinks.timeline_figure import MAX_BINS, bins


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


def test_an_hour_is_averaged_into_few_bins_that_keep_the_mean():
    t_s = np.arange(1, 14_400) * 0.25
    values = np.sin(t_s / 100) * 0.5 + 0.5
    curve = Curve(list(t_s), [(value,) for value in values], [(True, False, True)] * len(t_s))
    times_s, probabilities, present = bins(curve, 3600.0, 0.25)
    assert len(times_s) <= MAX_BINS + 1
    assert np.nanmean(probabilities) == pytest.approx(values.mean(), abs=0.01)
    assert np.nanmax(np.abs(probabilities[:, 0] - (np.sin(times_s / 100) * 0.5 + 0.5))) < 0.05
    np.testing.assert_array_equal(np.unique(present[~np.isnan(present)]), [0.0, 1.0])


def test_a_person_who_was_away_leaves_a_hole_and_a_late_estimate_does_not():
    t_s = [0.25, 0.5, 1.0, 3.0]
    curve = Curve(t_s, [(0.5,)] * 4, [(True,)] * 4)
    _, probabilities, _ = bins(curve, 3.0, 0.25)
    filled = ~np.isnan(probabilities[:, 0])
    assert filled.tolist() == [False, True, True, True, True, True] + [False] * 6 + [True]


def test_finals_alone_draw_no_curve(tmp_path, conversation):
    finals = [e for e in conversation if isinstance(e, Hello) or (isinstance(e, EmotionEstimate) and e.final)]
    assert picture(tmp_path, finals).size
