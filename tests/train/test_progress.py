"""What a run leaves behind: one log and one curve, interrupted or not; TensorBoard events if asked."""

from __future__ import annotations

import json

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from train.progress import RunLog


def run(log: RunLog, start: int, stop: int) -> None:
    history = [{"step": float(start or 1), "loss": 1.0, "score": 0.1}]
    for step in log.steps(start, stop):
        log.step(step, {"loss": 1.0 / (step + 1)})
    history.append({"step": float(stop), "loss": 0.5, "score": 0.2})
    log.validation(history)
    log.end(history)


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_resumed_run_goes_on_with_the_log_and_drops_what_came_after_its_state(tmp_path):
    run(RunLog(tmp_path), 0, 60)
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"step": 61, "lo')  # a kill cut it short
    run(RunLog(tmp_path), 40, 100)
    steps = [line["step"] for line in lines(tmp_path) if not line["validation"]]
    assert steps == [0, 20, 40, 60, 80]
    assert [line["step"] for line in lines(tmp_path) if line["validation"]] == [100.0]
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_new_run_begins_a_new_log(tmp_path):
    run(RunLog(tmp_path), 0, 60)
    run(RunLog(tmp_path), 0, 20)
    assert [line["step"] for line in lines(tmp_path) if not line["validation"]] == [0]


def test_tensorboard_events_are_written_only_where_asked(tmp_path):
    run(RunLog(tmp_path / "plain"), 0, 20)
    assert not list(tmp_path.rglob("events.out*"))
    run(RunLog(tmp_path / "run", tensorboard=tmp_path / "board"), 0, 21)
    events = EventAccumulator(str(tmp_path / "board")).Reload()
    assert {"train/loss", "validation/score"} <= set(events.Tags()["tensors"] + events.Tags()["scalars"])
