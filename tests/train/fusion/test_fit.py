"""The training loop: it learns, resumes exactly, accumulates, runs in parallel, and stops on NaN."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from core.errors import ConfigError, ModelError
from train.data.window_augmentation import WindowAugmentation
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.fit import OptimisationConfig, fit
from train.fusion.objective import LossConfig, Teacher
from train.fusion.run_state import load_state
from train.parallel import World
from train.progress import RunLog
from train.testing import SHAPES, corpus, network, singles

ALONE = World(0, 1, torch.device("cpu"))


def teacher() -> Teacher:
    return Teacher(torch.zeros(7), torch.ones(3, 7), torch.zeros(3, 7), torch.ones(3, 7), torch.zeros(3, 7))


def run(net=None, sets=None, losses=None, state_path=None, resume=False, folder=None, **changes):
    numbers = {"steps": 12, "batch": 8, "validate_every": 4, "save_every": 4, "device": "cpu", "rate": 3e-3}
    if net is None:
        torch.manual_seed(5)
        net = network()
    sets = [s.part("train") for s in (singles() if sets is None else sets)]
    return fit(
        net,
        BatchMaker(sets, SHAPES, BatchConfig(), WindowAugmentation(), 0),
        teacher(),
        OptimisationConfig(**(numbers | changes)),
        losses or LossConfig(),
        ALONE,
        validate=lambda judged: {"score": -sum(p.abs().sum().item() for p in judged.parameters())},
        log=RunLog(folder),
        state_path=state_path,
        resume=resume,
    )


def weights(net) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in net.parameters()])


def test_the_loss_falls():
    net = network(dropout=0.0)
    history = run(net, steps=200, batch=32, validate_every=4, peer_rate_factor=1.0, rate=5e-3).history
    assert history[-1]["loss"] < 0.75 * history[0]["loss"]


def test_frozen_peers_stay_as_they_were():
    net = network()
    before = {name: p.clone() for name, p in net.peers.named_parameters()}
    run(net, peer_rate_factor=0.0)
    assert all(torch.equal(before[name], p) for name, p in net.peers.named_parameters())


class Killed(Exception):
    pass


def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, monkeypatch):
    losses = LossConfig(contrastive=0.1, contrastive_queue=10, full_view=0.1, collaboration=0.25)
    sets = [*singles(), corpus("paired", ("text", "audio", "visual"))]
    whole = weights(run(sets=sets, losses=losses).net)
    path = tmp_path / "state.pt"
    step = RunLog.step

    def killed(self, number, figures):
        if number == 6:
            raise Killed
        step(self, number, figures)

    monkeypatch.setattr(RunLog, "step", killed)
    with pytest.raises(Killed):
        run(sets=sets, losses=losses, state_path=path)
    monkeypatch.setattr(RunLog, "step", step)
    resumed = run(sets=sets, losses=losses, state_path=path, resume=True)
    assert torch.equal(whole, weights(resumed.net))
    assert [row["step"] for row in resumed.history] == [4, 8, 12]


SCRIPT = """
    import sys, json, torch
    from pathlib import Path
    from train.fusion.objective import Teacher, LossConfig
    from train.fusion.fit import OptimisationConfig, fit
    from train.fusion.batches import BatchMaker, BatchConfig
    from train.parallel import join_world, leave_world
    from train.data.window_augmentation import WindowAugmentation
    from train.progress import RunLog
    from train.testing import SHAPES, corpus, network
    torch.set_num_threads(1)
    world = join_world("cpu")
    losses = []
    class Log(RunLog):
        def step(self, step, figures):
            losses.append(figures["loss"])
            print("step", step, flush=True)
    torch.manual_seed(5)
    out = Path(sys.argv[1])
    nothing, one = torch.zeros(3, 7), torch.ones(3, 7)
    teacher = Teacher(torch.zeros(7), one, nothing, one, nothing)
    sets = [corpus("paired", ("text", "audio", "visual")).part("train")]
    fitted = fit(
        network(dropout=0.0), BatchMaker(sets, SHAPES, BatchConfig(), WindowAugmentation(), 0), teacher,
        OptimisationConfig(steps=int(sys.argv[2]), batch=8, validate_every=5, save_every=1, device="cpu"),
        LossConfig(contrastive=0.1), world, validate=lambda net: {"score": 0.0}, log=Log(),
        state_path=out / "state.pt", resume="--resume" in sys.argv,
    )
    if world.leads:
        total = [float(p.detach().double().sum()) for p in fitted.net.parameters()]
        (out / "result.json").write_text(json.dumps({"losses": losses, "weights": total}))
    leave_world(world)
"""


@pytest.fixture
def script(tmp_path) -> Path:
    path = tmp_path / "script.py"
    path.write_text(textwrap.dedent(SCRIPT))
    return path


def environment() -> dict[str, str]:
    root = str(Path(__file__).parents[3])
    return os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def launch(command: list[str], **options) -> None:
    subprocess.run([sys.executable, *command], check=True, env=environment(), capture_output=True, **options)


def test_a_run_killed_with_signal_9_resumes_to_the_same_weights(tmp_path, script):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    launch([str(script), str(whole), "30"])
    process = subprocess.Popen(
        [sys.executable, str(script), str(broken), "30"],
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    with process, process.stdout as lines:
        next(line for line in lines if line.startswith("step 7"))
        process.send_signal(signal.SIGKILL)
    assert not (broken / "result.json").exists()
    launch([str(script), str(broken), "30", "--resume"])
    assert result(broken)["weights"] == result(whole)["weights"]


def test_two_processes_compute_the_losses_of_one(tmp_path, script):
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    launch([str(script), str(one), "5"])
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    launch([*torchrun, str(script), str(two), "5"])
    assert result(two)["losses"] == pytest.approx(result(one)["losses"], rel=1e-4)
    assert result(two)["weights"] == pytest.approx(result(one)["weights"], rel=1e-3, abs=1e-3)


def test_accumulation_over_smaller_parts_changes_nothing():
    def final(parts: int) -> torch.Tensor:
        torch.manual_seed(5)
        return weights(run(network(dropout=0.0), accumulate=parts, steps=4).net)

    torch.testing.assert_close(final(1), final(4), rtol=0, atol=1e-3)  # Adam magnifies rounding


def test_what_is_not_finite_stops_the_run_and_says_where():
    sets = singles()
    sets[1].tokens["audio"].values[:] = float("nan")
    with pytest.raises(ModelError, match=r"at step 0 \(.*peers nan.*the audio input.*damaged"):
        run(sets=sets)


def test_weights_that_are_not_finite_are_named_with_the_remedy():
    net = network()
    with torch.no_grad():
        net.fusion.bias[2] = float("inf")
    with pytest.raises(ModelError, match=r"fusion inf.*weight fusion\.bias.*Lower optimisation\.rate"):
        run(net)


def test_resuming_with_another_configuration_is_refused(tmp_path):
    path = tmp_path / "state.pt"
    run(state_path=path)
    with pytest.raises(ConfigError, match="optimisation"):
        run(state_path=path, resume=True, rate=1e-4)
    with pytest.raises(ConfigError, match="no unfinished run"):
        load_state(tmp_path / "other" / "state.pt", {})


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(ConfigError, match="does not divide"):
        run(accumulate=3)


def test_patience_ends_a_run_that_no_longer_gains():
    torch.manual_seed(5)
    assert len(run(patience=1, validate_every=1, steps=30, rate=1e-2).history) < 30


def test_learning_curves_and_a_log_are_written(tmp_path):
    run(folder=tmp_path)
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert {"loss", "peers", "distillation"} <= set(lines[0])
    assert lines[-1]["validation"]


def test_bfloat16_gives_finite_losses():
    assert all(row["loss"] < 100 for row in run(precision="bfloat16").history)
