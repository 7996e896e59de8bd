"""The score that chooses a fusion sees the fusion: frozen peers and corpora of one modality do not."""

from __future__ import annotations

import numpy as np
import torch

from core.labels import EMOTIONS
from core.models.fusion import EmotionNet
from train.calibration.agreement import teacher_agreement
from train.calibration.fitting import fit_branch
from train.calibration.joined import joined_windows, truly_paired
from train.calibration.people import teacher_weights
from train.calibration.stage import calibrate
from train.calibration.teacher import make_teacher, may_sharpen, measure_reliability
from train.config import CorpusConfig, SizesConfig, TrainingConfig
from train.data.window_augmentation import WindowAugmentation
from train.fusion.batches import BatchConfig, BatchMaker
from train.fusion.fit import OptimisationConfig, fit
from train.fusion.objective import LossConfig
from train.parallel import World
from train.progress import RunLog
from train.stages import validator
from train.testing import SHAPES, SIZES, WIDTHS, corpus, singles

ALONE = World(0, 1, torch.device("cpu"))
LOSSES = LossConfig(peers=0.0, distillation_kind="people", consistency=0.0)
CONFIG = TrainingConfig(
    summary="", license="", corpora={"ravdess": CorpusConfig()}, losses=LOSSES, sizes=SizesConfig()
)


def evidence_net(seed: int) -> EmotionNet:
    torch.manual_seed(seed)
    sizes = SIZES.model_copy(update={"alone": "peer", "combination": "evidence"})
    return EmotionNet(WIDTHS, len(EMOTIONS), sizes, dropout=0.0)


def randomised(net: EmotionNet, seed: int) -> EmotionNet:
    """The same peers, and a fusion that has learned nothing."""
    other = evidence_net(seed)
    other.peers.load_state_dict(net.peers.state_dict())
    with torch.no_grad():
        for parameter in (*other.fusion.parameters(), *other.combination.parameters()):
            parameter.copy_(torch.randn_like(parameter))
    return other.eval()


def test_the_score_of_a_trained_fusion_is_clearly_above_that_of_a_random_one():
    train = [s.part("train") for s in singles()]
    validation = [s.part("validation") for s in singles()]
    net = evidence_net(1)
    reliability = measure_reliability(net.eval(), validation, SHAPES, {})
    teacher = make_teacher(train, reliability, teacher_weights(EMOTIONS))
    net.combination.set_evidence(teacher.temperature, teacher.bias, teacher.base_logits, teacher.base)
    validate = validator(validation, SHAPES, teacher_agreement(CONFIG, validation, SHAPES, teacher))
    fitted = fit(
        net,
        BatchMaker(train, SHAPES, BatchConfig(), WindowAugmentation(), 0),
        teacher,
        OptimisationConfig(steps=150, batch=16, validate_every=50, device="cpu", peer_rate_factor=0.0),
        LOSSES,
        ALONE,
        validate=validate,
        log=RunLog(),
    )
    trained = validate(fitted.net)
    for seed in range(3):
        random = validate(randomised(fitted.net, seed))
        assert trained["score"] > random["score"] + 0.05
        blind = [name for name in random if name.endswith("_map")]
        assert all(random[name] == trained[name] for name in blind)  # these cannot tell them apart


def test_what_is_truly_paired_is_judged_by_its_labels_and_not_by_the_teacher():
    validation = [corpus("paired", ("text", "audio", "visual")).part("validation")]
    reliability = measure_reliability(evidence_net(0).eval(), validation, SHAPES, {})
    teacher = make_teacher(validation, reliability, teacher_weights(EMOTIONS))
    assert len(truly_paired(validation, ("text", "audio"))) == 1
    assert teacher_agreement(CONFIG, validation, SHAPES, teacher) is None


def test_joined_windows_are_the_same_each_time_and_hold_just_what_is_asked_for():
    validation = [s.part("validation") for s in singles()]
    one, two = (
        joined_windows(validation, SHAPES, ("text", "visual"), WindowAugmentation(), 20) for _ in range(2)
    )
    assert len(one) == 20
    assert all(set(w.tokens) == {"text", "visual"} for w in one)
    assert all(
        np.array_equal(a.tokens["text"].values, b.tokens["text"].values)
        for a, b in zip(one, two, strict=True)
    )
    assert joined_windows(validation[:1], SHAPES, ("text", "visual"), WindowAugmentation(), 20) == []


def test_patterns_that_no_corpus_has_get_thresholds_of_their_own():
    validation = [s.part("validation") for s in singles()]
    found = calibrate(
        evidence_net(0).eval(),
        validation,
        SHAPES,
        {},
        WindowAugmentation(),
        100,
        "people",
        teacher_weights(EMOTIONS),
    )
    assert all(branch.thresholds is not None for branch in found.fusion.values())


def test_peers_that_few_speakers_were_heard_of_are_not_sharpened():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(400, 2)).astype(np.float32)
    targets = (rng.random((400, 2)) < 1 / (1 + np.exp(-3 * logits - 1))).astype(np.float32)
    known = np.ones_like(targets, np.bool_)
    assert may_sharpen(1000)
    assert not may_sharpen(3)
    assert all(t < 0.7 for t in fit_branch(logits, targets, known).temperature)
    blunt = fit_branch(logits, targets, known, sharpen=False)
    assert all(t == 1.0 for t in blunt.temperature)
    assert all(b > 0.3 for b in blunt.bias)  # the bias is fitted to the temperature that there is
