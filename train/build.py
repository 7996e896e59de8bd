"""From labelled corpora to a checkpoint: the first stage where it is missing, then the second and third."""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from core.errors import Interrupted
from core.labels import MODALITIES
from core.models.storage import load_network, save_network
from core.spec import CalibrationSpec, ModelSpec, read_spec, write_spec
from train.calibration.stage import calibrate
from train.config import TrainingConfig
from train.cross_fitting import cross_fit
from train.data.token_set import TokenSet
from train.encoder_plan import wants_encoders
from train.fusion.fit import Fitted
from train.parallel import join_world, leave_world
from train.progress import RunLog
from train.run_folder import check_folder, remove, told_to_resume
from train.stages import calibration_weights, first_stage, people_of, threshold_weights, train_network
from train.training_data import Paths, TrainingData, read_training_data

logger = logging.getLogger(__name__)


def build(
    config: TrainingConfig,
    paths: Paths,
    *,
    resume: bool = False,
    fresh: bool = False,
    quiet: bool = True,
    tensorboard: Path | None = None,
) -> ModelSpec | None:
    """Train fusion (and peers) on frozen encoders or on raw input, calibrate, and write the checkpoint.

    Encoders that are not there are trained first.

    Args:
        config: the preset.
        paths: folders.
        resume: take up the unfinished run in `paths.out`.
        fresh: begin anew where an earlier training left something; encoders that it finished are kept.
        quiet: no progress bars.
        tensorboard: folder for TensorBoard events, or None.

    Returns:
        The checkpoint's spec; None in processes that only help the first one.

    Raises:
        ConfigError: a corpus is unknown, a file of the first stage is absent, the run cannot be resumed, or
            `paths.out` holds a training and neither `resume` nor `fresh` was given.
        Interrupted: Ctrl-C; what is kept is said.
        SourceError: a corpus, or a recording of one, is absent or damaged.
    """
    config = _as_the_checkpoint_combines(config, paths)
    world = join_world(config.optimisation.device)
    run = paths.out / "run"
    if world.leads:
        _begin(config, paths, run, resume=resume, fresh=fresh)
        if config.inputs == "encoders" and config.peers != "checkpoint" and wants_encoders(config.corpora):
            first_stage(config, paths.data, paths.encoders, paths.locate)
        try:
            inputs = read_training_data(config, paths, quiet=quiet)
        except Interrupted as stop:
            raise told_to_resume(stop) from None
    world.wait()
    if not world.leads:  # what the first process computed is in the cache
        inputs = read_training_data(config, paths)
    log = RunLog(run, quiet=quiet, tensorboard=tensorboard) if world.leads else RunLog()
    calibration = None
    if config.folds:
        fitted, calibration = cross_fit(config, paths, inputs, world, log, run, resume=resume, quiet=quiet)
    else:
        state = run / "state.pt"
        resumed = resume and state.is_file()  # it may have been interrupted before the first state
        fitted = train_network(config, paths, inputs, world, log, state, resume=resumed)
    leave_world(world)
    if not world.leads:
        return None
    for note in inputs.notes:
        logger.warning("%s", note)
    return finish(config, paths, inputs, fitted, calibration)


def _as_the_checkpoint_combines(config: TrainingConfig, paths: Paths) -> TrainingConfig:
    """A preset that starts from a checkpoint reads and combines its peers as that checkpoint does."""
    if config.peers != "checkpoint":
        return config
    fusion = read_spec(paths.encoders).fusion
    own = {"combination": fusion.combination, "statistics": fusion.statistics}
    return config.model_copy(update={"sizes": config.sizes.model_copy(update=own)})


def _begin(config: TrainingConfig, paths: Paths, run: Path, *, resume: bool, fresh: bool) -> None:
    """Check what lies in the folder of the run, and note the configuration there."""
    note, end, state = run / "config.json", run / "history.json", run / "state.pt"
    left = [state, run / "log.jsonl", run / "curves.png", *run.glob("fold_*")]
    left += [*(run / "encoders").glob("*_state.pt")]
    check_folder(
        paths.out,
        begun=note.is_file(),
        unfinished=any(path.is_file() for path in left),
        finished=end.is_file() or ((paths.out / "spec.json").is_file() and not note.is_file()),
        resume=resume,
        fresh=fresh,
    )
    if fresh:
        remove([*left, end, *(run / "encoders").glob("*_recipe.json")])
    run.mkdir(parents=True, exist_ok=True)
    note.write_text(config.model_dump_json(indent=1) + "\n", encoding="utf-8")


def finish(
    config: TrainingConfig,
    paths: Paths,
    inputs: TrainingData,
    fitted: Fitted,
    calibration: CalibrationSpec | None = None,
) -> ModelSpec:
    """Store the weights, calibrate what was stored unless a calibration is given, and write the spec."""
    spec = inputs.spec
    for encoder in spec.encoders.values():
        for name in encoder.files:
            if (inputs.files / name).resolve() != (paths.out / name).resolve():
                shutil.copyfile(inputs.files / name, paths.out / name)
    digest = save_network(fitted.net, paths.out / spec.fusion.file)
    spec = spec.model_copy(update={"fusion": spec.fusion.model_copy(update={"file_sha256": digest})})
    stored = load_network(spec, paths.out)  # half precision: calibrate what will run
    if calibration is None:
        calibration = calibrate(
            stored,
            [s.part("validation") for s in inputs.sets],
            spec.token_shapes,
            calibration_weights(config),
            config.placement,
            config.joint_calibration,
            config.losses.distillation_kind,
            people_of(config),
            threshold_weights(config),
        )
    if config.peers == "checkpoint":
        calibration = keep_unseen_modalities(calibration, read_spec(paths.encoders).calibration, inputs.sets)
    spec = spec.model_copy(update={"calibration": calibration})
    write_spec(spec, paths.out)
    history = json.dumps(fitted.history, indent=1)
    (paths.out / "run" / "history.json").write_text(history + "\n", encoding="utf-8")
    return spec


def keep_unseen_modalities(
    new: CalibrationSpec, old: CalibrationSpec, sets: Sequence[TokenSet]
) -> CalibrationSpec:
    """The new calibration; the old one's where a modality is in none of the validation parts."""
    present = np.concatenate([s.part("validation").present for s in sets])
    unseen = [m for i, m in enumerate(MODALITIES) if not present[:, i].any()]
    kept = {p: branch for p, branch in old.fusion.items() if set(p.split("+")) & set(unseen)}
    peers = {m: branch for m, branch in old.peers.items() if m in unseen}
    return new.model_copy(update={"fusion": new.fusion | kept, "peers": new.peers | peers})
