"""How each training clip's person sounds, while the encoder is still learning."""

from __future__ import annotations

import pytest
import torch

from core.stages.baseline import Baseline, BaselineConfig
from train.encoders.voice_memory import VoiceMemory

CONFIG = BaselineConfig(shrinkage_s=1.0, horizon_s=1e9)


def memory(
    people: list[str], values: list[float], views: int = 1, config: BaselineConfig = CONFIG
) -> VoiceMemory:
    found = VoiceMemory(people, views, 2, config, torch.ones(len(people)))
    for row, value in enumerate(values):
        for view in range(views):
            found.remember(row, view, torch.full((10, 2), value + view))
    found.recentre()
    return found


def test_the_whole_history_is_what_the_live_baseline_takes_off_centred_tokens():
    values = [1.0, 2.0, 6.0, 5.0]
    found = memory(["anna", "anna", "anna", "ben"], values)
    centre = sum(values) / 4
    live = Baseline(CONFIG)
    for value in (2.0, 6.0):
        live.push(torch.full((10, 2), value - centre).numpy())
    rest = live.taken_off(torch.full((1, 2), 1.0 - centre).numpy())[0]
    compared = found.whole(torch.full((1, 2), 1.0), 0, 0)[0] - centre
    assert compared.tolist() == pytest.approx(rest.tolist(), abs=1e-5)


def test_deviations_are_compared_as_the_live_baseline_does_on_standardised_tokens():
    config = BaselineConfig(shrinkage_s=1.0, horizon_s=1e9, deviation=True)
    found = memory(["anna"] * 3 + ["ben"] * 2, [0.0] * 5, config=config)
    clips = [torch.randn(40, 2, generator=torch.Generator().manual_seed(i)) * (2 - i / 5) for i in range(5)]
    for row, clip in enumerate(clips):
        found.remember(row, 0, clip)
    found.recentre()
    live = Baseline(config)
    for clip in clips[1:3]:
        live.push(((clip - found.centre) / found.deviation).numpy())
    mine = (found.whole(clips[0], 0, 0) - found.centre) / found.deviation
    theirs = live.taken_off(((clips[0] - found.centre) / found.deviation).numpy())
    assert mine.numpy() == pytest.approx(theirs, abs=1e-4)


def test_somebody_with_one_clip_has_no_history():
    found = memory(["anna", "ben"], [1.0, 5.0])
    x = torch.ones(1, 2)
    assert found.whole(x, 1, 0).tolist() == x.tolist()
    assert found.draw(x, 1, 0, torch.Generator().manual_seed(0)).tolist() == x.tolist()


def test_a_third_has_none_and_the_rest_lies_between_one_and_all_of_the_same_view():
    found = memory(["anna"] * 20 + ["ben"], [1.0] * 20 + [-20.0], views=2)
    generator = torch.Generator().manual_seed(0)
    zero = torch.zeros(1, 2)
    drawn = -torch.cat([found.draw(zero, 0, 1, generator) for _ in range(600)])[:, 0]
    assert float((drawn == 0).float().mean()) == pytest.approx(0.35, abs=0.06)
    others = drawn[drawn != 0]
    distance = 2.0 - float(found.centre[0])  # of the second view
    assert float(others.max()) == pytest.approx(distance * 19 / 20, rel=0.01)
    assert float(others.min()) == pytest.approx(distance * 1 / 2, rel=0.01)
