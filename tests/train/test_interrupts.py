"""Ctrl-C in a training saves and says how to go on; what another left is never silently replaced."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
import torch

from core.errors import ConfigError, Interrupted
from tests.train.tiny_corpora import write_faces
from train.build import build
from train.calibration.teacher import equal_reliability, make_teacher
from train.config import read_config
from train.data.window_augmentation import WindowAugmentation
from train.encoders.command import train_encoder
from train.encoders.epoch_trainer import Draws, EpochPlan, train_epochs
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.fit import fit
from train.fusion.learner import OptimisationConfig
from train.fusion.objective import LossConfig
from train.fusion.run_state import load_state
from train.parallel import World
from train.progress import JsonLog, RunLog
from train.testing import SHAPES, network, singles
from train.training_data import Paths

PRESET = Path(__file__).parents[2] / "configs" / "train" / "default.yaml"
STEPS = OptimisationConfig(steps=8, batch=6, validate_every=2, save_every=1000, device="cpu")


def run_fit(state: Path | None, *, interrupt_at: int | None = None, resume: bool = False):
    """A tiny training; Ctrl-C is pressed during the validation after so many steps."""
    sets = [tokens.part("train") for tokens in singles()]
    calls = []

    def validate(net):
        calls.append(net)
        if interrupt_at is not None and 2 * len(calls) == interrupt_at:
            signal.raise_signal(signal.SIGINT)
        return {"score": 0.0}

    torch.manual_seed(0)
    return fit(
        network(dropout=0.0),
        BatchMaker(sets, SHAPES, BatchConfig(), WindowAugmentation(), 0),
        make_teacher(sets, equal_reliability(sets)),
        STEPS,
        LossConfig(),
        World(0, 1, torch.device("cpu")),
        validate=validate,
        log=RunLog(),
        state_path=state,
        resume=resume,
    )


def test_an_interrupted_fit_saves_its_last_step_and_ends_with_the_weights_of_a_whole_one(tmp_path):
    state = tmp_path / "state.pt"
    with pytest.raises(Interrupted, match=r"after step 4 of 8; the state is saved\. .* --resume") as stop:
        run_fit(state, interrupt_at=4)
    assert stop.value.exit_code == 130
    saved = load_state(state, {"optimisation": STEPS.model_dump(), "losses": LossConfig().model_dump()})
    assert saved.step == 4
    resumed, whole = run_fit(state, resume=True).net.state_dict(), run_fit(None).net.state_dict()
    assert all(torch.equal(resumed[name], value) for name, value in whole.items())


def test_after_a_training_ctrl_c_is_what_it_was_before():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(Interrupted):
        run_fit(None, interrupt_at=2)
    assert signal.getsignal(signal.SIGINT) is before


def test_an_interrupted_encoder_keeps_its_finished_epochs(tmp_path):
    def train(interrupt_in: int | None) -> torch.nn.Module:
        torch.manual_seed(0)
        net, draws = torch.nn.Linear(2, 1), Draws.seeded(0)
        epochs: list[int] = []

        def batches(epoch: int):
            epochs.append(epoch)
            for _ in range(3):
                if epoch == interrupt_in:
                    signal.raise_signal(signal.SIGINT)
                yield torch.rand(4, 2, generator=draws.generator)

        plan = EpochPlan("net", 3, 9, [(net, 0.1)], 0.0, 0.9)
        log = JsonLog(tmp_path / "log.jsonl")
        cut = interrupt_in is not None or (tmp_path / "cut.pt").exists()
        state = tmp_path / ("cut.pt" if cut else "whole.pt")
        found = train_epochs(net, plan, draws, batches, lambda x: net(x).square().mean(), log, state=state)
        assert epochs == ([0, 1, 2] if state.stem == "whole" else [1, 2])
        return found

    whole = train(None)
    with pytest.raises(Interrupted, match=r"in epoch 2 of 3 .*1 finished epochs are kept"):
        train(1)
    assert torch.equal(train(None).weight, whole.weight)


class TestFit:
    def paths(self, out: Path) -> Paths:
        return Paths(out / "data", out / "encoders", out / "run_out", out / "cache", lambda name: out)

    @pytest.mark.parametrize(
        ("left", "message"),
        [
            (["run/config.json", "run/state.pt"], "holds an unfinished training.*--resume.*--fresh"),
            (["run/config.json", "run/history.json", "spec.json"], "holds a finished training.*--fresh"),
            (["spec.json"], "holds a finished training.*--fresh"),
        ],
    )
    def test_what_an_earlier_training_left_stays_until_somebody_says_so(self, left, message, tmp_path):
        paths = self.paths(tmp_path)
        for name in left:
            (paths.out / name).parent.mkdir(parents=True, exist_ok=True)
            (paths.out / name).write_text("{}")
        with pytest.raises(ConfigError, match=message):
            build(read_config(PRESET, []), paths)
        assert all((paths.out / name).read_text() == "{}" for name in left)

    def test_there_must_be_something_to_resume_and_one_wish_at_a_time(self, tmp_path):
        with pytest.raises(ConfigError, match="no unfinished run to resume"):
            build(read_config(PRESET, []), self.paths(tmp_path), resume=True)
        with pytest.raises(ConfigError, match="contradict"):
            build(read_config(PRESET, []), self.paths(tmp_path), resume=True, fresh=True)


class TestEncoder:
    @pytest.fixture
    def train(self, tmp_path):
        write_faces(tmp_path / "ferplus", train=16)
        recipe = tmp_path / "visual.yaml"
        small = "epochs: 1, batch: 8, limit: 8, views: 1, peer_steps: 1, peer_batch: 4, device: cpu"
        recipe.write_text(f"modality: visual\nvisual: {{{small}}}\n")
        return lambda **how: train_encoder(recipe, tmp_path, tmp_path / "out", [], **how)

    def test_a_finished_one_is_trained_anew_only_with_fresh(self, train, tmp_path):
        train()
        log = (tmp_path / "out" / "visual_log.jsonl").read_text()
        with pytest.raises(ConfigError, match="holds a finished training"):
            train()
        assert (tmp_path / "out" / "visual_log.jsonl").read_text() == log
        train(fresh=True)
        assert len((tmp_path / "out" / "visual_log.jsonl").read_text().splitlines()) == len(log.splitlines())

    def test_an_unfinished_one_asks(self, train, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "visual_recipe.json").write_text("{}")
        (tmp_path / "out" / "visual_state.pt").write_bytes(b"what an interrupted training left")
        with pytest.raises(ConfigError, match="holds an unfinished training"):
            train()
        train(fresh=True)

    def test_one_that_was_stopped_before_its_first_epoch_is_begun_again_either_way(self, train, tmp_path):
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "visual_recipe.json").write_text("{}")
        train(resume=True)
