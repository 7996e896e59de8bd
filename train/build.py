"""From labelled corpora to a checkpoint: the first stage where it is missing, then the second and third."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.labels import MODALITIES, Modality
from core.models.fusion import EmotionNet
from core.models.storage import load_network, save_network
from core.spec import CalibrationSpec, ModelSpec, read_spec, write_spec
from core.window import TokenShape
from train.calibration_run import calibrate
from train.config import TrainingConfig
from train.encoder_plan import wants_encoders
from train.first_stage import first_stage
from train.fit import Fitted, fit
from train.inference import evaluation_windows, outputs_of
from train.inputs import Inputs, Places, read_inputs
from train.knowledge import calibrated_peers, equal_peers, knowledge_of
from train.learner import Figures, Validate
from train.metrics import presence, ranking
from train.pairing import BatchMaker
from train.parallel import World, join_world, leave_world
from train.progress import RunLog
from train.start import new_network
from train.tokens import TokenSet

logger = logging.getLogger(__name__)


def build(
    config: TrainingConfig,
    places: Places,
    *,
    resume: bool = False,
    quiet: bool = True,
    tensorboard: Path | None = None,
) -> ModelSpec | None:
    """Train fusion (and peers) on frozen encoders or on raw input, calibrate, and write the checkpoint.

    Encoders that are not there are trained first.

    Args:
        config: the preset.
        places: folders.
        resume: take up the unfinished run in `places.out`.
        quiet: no progress bars.
        tensorboard: folder for TensorBoard events, or None.

    Returns:
        The checkpoint's spec; None in processes that only help the first one.

    Raises:
        ConfigError: a corpus is unknown, a file of the first stage is absent, or the run cannot be resumed.
        SourceError: a corpus, or a recording of one, is absent or damaged.
    """
    world = join_world(config.optimisation.device)
    if world.leads:
        if config.inputs == "encoders" and config.peers != "checkpoint" and wants_encoders(config.corpora):
            first_stage(config, places.data, places.encoders, places.locate)
        inputs = read_inputs(config, places, quiet=quiet)
    world.wait()
    if not world.leads:  # what the first process computed is in the cache
        inputs = read_inputs(config, places)
    run = places.out / "run"
    if world.leads:
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.json").write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")
        log = RunLog(run, quiet=quiet, tensorboard=tensorboard)
    else:
        log = RunLog()
    fitted = train_network(config, places, inputs, world, log, run / "state.pt", resume=resume)
    leave_world(world)
    if not world.leads:
        return None
    for note in inputs.notes:
        logger.warning("%s", note)
    return finish(config, places, inputs, fitted)


def train_network(
    config: TrainingConfig,
    places: Places,
    inputs: Inputs,
    world: World,
    log: RunLog,
    state_path: Path,
    *,
    resume: bool,
) -> Fitted:
    """Fit fusion and peers on the training parts."""
    train = [s.part("train") for s in inputs.sets]
    validation = [s.part("validation") for s in inputs.sets]
    net = new_network(config, inputs.spec, places.encoders, train)
    shapes = inputs.spec.token_shapes
    if config.peers == "fresh":  # who has learned nothing cannot be judged
        insight = equal_peers(train)
    else:
        insight = calibrated_peers(net.eval(), validation, shapes, calibration_weights(config))
    return fit(
        net,
        BatchMaker(train, shapes, config.pairing, config.placement, config.optimisation.seed),
        knowledge_of(train, insight),
        config.optimisation,
        config.losses,
        world,
        validate=validator(validation, shapes),
        log=log,
        state_path=state_path,
        resume=resume,
    )


def validator(validation: Sequence[TokenSet], shapes: dict[Modality, TokenShape]) -> Validate:
    """Judge a network by the mean over corpora of the fusion's average precision."""
    windows = [evaluation_windows(s) for s in validation]

    def validate(net: EmotionNet) -> Figures:
        figures: Figures = {}
        for tokens, cut in zip(validation, windows, strict=True):
            z = outputs_of(net, cut, shapes).logits
            figures[f"{tokens.corpus}_map"] = ranking(z, presence(tokens.targets), tokens.known)["map"]
        return figures | {"score": sum(figures.values()) / len(figures)}

    return validate


def finish(config: TrainingConfig, places: Places, inputs: Inputs, fitted: Fitted) -> ModelSpec:
    """Store the weights, calibrate what was stored, and write the spec."""
    spec = inputs.spec
    for encoder in spec.encoders.values():
        for name in encoder.files:
            if (inputs.files / name).resolve() != (places.out / name).resolve():
                shutil.copyfile(inputs.files / name, places.out / name)
    digest = save_network(fitted.net, places.out / spec.fusion.file)
    spec = spec.model_copy(update={"fusion": spec.fusion.model_copy(update={"file_sha256": digest})})
    stored = load_network(spec, places.out)  # half precision: calibrate what will run
    validation = [s.part("validation") for s in inputs.sets]
    calibration = calibrate(
        stored,
        validation,
        spec.token_shapes,
        calibration_weights(config),
        config.placement,
        config.joint_calibration,
    )
    if config.peers == "checkpoint":
        calibration = with_old(calibration, read_spec(places.encoders).calibration, inputs.sets)
    spec = spec.model_copy(update={"calibration": calibration})
    write_spec(spec, places.out)
    history = json.dumps(fitted.history, indent=1)
    (places.out / "run" / "history.json").write_text(history + "\n", encoding="utf-8")
    return spec


def with_old(new: CalibrationSpec, old: CalibrationSpec, sets: Sequence[TokenSet]) -> CalibrationSpec:
    """The new calibration; the old one's where a modality is in none of the validation parts."""
    present = np.concatenate([s.part("validation").present for s in sets])
    unseen = [m for i, m in enumerate(MODALITIES) if not present[:, i].any()]
    kept = {p: branch for p, branch in old.fusion.items() if set(p.split("+")) & set(unseen)}
    peers = {m: branch for m, branch in old.peers.items() if m in unseen}
    return new.model_copy(update={"fusion": new.fusion | kept, "peers": new.peers | peers})


def calibration_weights(config: TrainingConfig) -> dict[str, float]:
    """Corpus -> weight of one of its validation examples."""
    return {name: use.calibration for name, use in config.corpora.items()}
