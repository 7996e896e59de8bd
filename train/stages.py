"""The first two stages of training: encoders with their peers, then peers and fusion on token sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from core.labels import MODALITIES, Modality
from core.models.evidence import EvidenceWeights
from core.models.fusion import EmotionNet
from core.window import TokenShape
from train.calibration.agreement import TeacherAgreement, teacher_agreement
from train.calibration.people import teacher_weights
from train.calibration.teacher import equal_reliability, make_teacher, measure_reliability
from train.config import TrainingConfig
from train.data.token_set import TokenSet
from train.encoders.command import Recipe, train_one
from train.encoding.features import ENCODER_FILES, Locate
from train.fusion.batches import BatchMaker
from train.fusion.fit import Fitted, fit
from train.fusion.learner import Figures, Validate
from train.inference import evaluation_windows, outputs_of
from train.initialisation import new_network
from train.metrics import presence, ranking
from train.parallel import World
from train.progress import RunLog
from train.training_data import Paths, TrainingData


def first_stage(config: TrainingConfig, data: Path, folder: Path, locate: Locate) -> None:
    """Train every encoder whose files are not in `folder` yet; an interrupted one goes on by itself.

    Args:
        config: the preset; its `text`, `audio` and `visual`.
        data: folder with the corpora.
        folder: where encoders and peers are written.
        locate: finds third-party weights.
    """
    for modality in missing_encoders(folder, peers=config.peers == "first_stage"):
        recipes: dict[Modality, Recipe] = {
            "text": config.text,
            "audio": config.audio,
            "visual": config.visual,
        }
        train_one(modality, recipes[modality], data, folder, locate)


def missing_encoders(folder: Path, *, peers: bool) -> list[Modality]:
    """Modalities whose encoder, or peer where peers are wanted, is not in the folder."""
    return [
        m
        for m in MODALITIES
        if not (folder / ENCODER_FILES[m]).is_file()
        or (peers and not (folder / f"peer_{m}.safetensors").is_file())
    ]


def train_network(
    config: TrainingConfig,
    paths: Paths,
    inputs: TrainingData,
    world: World,
    log: RunLog,
    state_path: Path | None,
    *,
    resume: bool,
    validate: Validate | None = None,
) -> Fitted:
    """Fit fusion and peers on the training parts; `validate` judges them, or else the validation parts do."""
    train = [s.part("train") for s in inputs.sets]
    validation = [s.part("validation") for s in inputs.sets]
    net = new_network(config, inputs.spec, paths.encoders, train)
    shapes = inputs.spec.token_shapes
    if config.peers == "fresh":  # who has learned nothing cannot be judged
        peer_reliability = equal_reliability(train)
    else:
        peer_reliability = measure_reliability(net.eval(), validation, shapes, calibration_weights(config))
    teacher = make_teacher(train, peer_reliability, people_of(config))
    if net.combination is not None and config.peers != "checkpoint":  # a checkpoint brings its own
        net.combination.set_evidence(teacher.temperature, teacher.bias, teacher.base_logits, teacher.base)
        if teacher.people is not None:  # the student begins with what the teacher knows of people
            net.combination.set_weights(teacher.people)
    if validate is None:
        agreement = teacher_agreement(config, validation, shapes, teacher)
        validate = validator(validation, shapes, agreement)
    return fit(
        net,
        BatchMaker(train, shapes, config.pairing, config.placement, config.optimisation.seed),
        teacher,
        config.optimisation,
        config.losses,
        world,
        validate=validate,
        log=log,
        state_path=state_path,
        resume=resume,
    )


def validator(
    validation: Sequence[TokenSet], shapes: dict[Modality, TokenShape], joined: TeacherAgreement | None = None
) -> Validate:
    """Judge a network by the fusion's average precision on each corpus and its agreement with the teacher.

    The score is the mean over corpora plus, where no corpus has several modalities together, the agreement on
    joined windows: a corpus of one modality does not see the fusion.
    """
    windows = [evaluation_windows(s) for s in validation]

    def validate(net: EmotionNet) -> Figures:
        figures: Figures = {}
        for tokens, cut in zip(validation, windows, strict=True):
            z = outputs_of(net, cut, shapes).logits
            figures[f"{tokens.corpus}_map"] = ranking(z, presence(tokens.targets), tokens.known)["map"]
        score = sum(figures.values()) / len(figures)
        if joined is not None:
            figures["joined_agreement"] = joined.of(net)
            score += figures["joined_agreement"]
        return figures | {"score": score}

    return validate


def people_of(config: TrainingConfig) -> EvidenceWeights | None:
    """How people weigh evidence, in the labels of the preset; None where its teacher does not ask."""
    return teacher_weights(config.labels) if config.losses.distillation_kind == "people" else None


def calibration_weights(config: TrainingConfig) -> dict[str, float]:
    """Corpus -> weight of one of its validation examples."""
    return {name: use.calibration for name, use in config.corpora.items()}


def threshold_weights(config: TrainingConfig) -> dict[str, float]:
    """Corpus -> weight of one of its validation examples in the thresholds."""
    return {
        name: use.calibration if use.thresholds is None else use.thresholds
        for name, use in config.corpora.items()
    }
