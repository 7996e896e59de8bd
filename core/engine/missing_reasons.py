"""Why a modality is missing from an estimate, in a few words for people."""

from __future__ import annotations

from collections.abc import Iterable

from core.engine.state import EngineState
from core.engine.utterance import Utterance
from core.events import StreamInfo
from core.labels import MODALITIES, Modality

_LEFT_OUT = "left out: the machine is too slow at present"


def missing(
    state: EngineState, person: str, present: tuple[str, ...], utterance: Utterance | None
) -> dict[str, str]:
    """Reasons for every modality that is not `present`.

    Args:
        state: the engine's.
        person: whom the estimate is about.
        present: modalities used.
        utterance: the utterance it belongs to, None while the person does not speak.
    """
    reasons: dict[Modality, str] = {
        "text": _text(state, utterance),
        "audio": _audio(utterance),
        "visual": _visual(state),
    }
    reasons |= lost_modalities(state, person)
    if not state.speech:
        reasons["text"] = reasons["audio"] = "no audio"
    reasons |= state.scheduler.policy.missing
    return {m: reasons[m] for m in MODALITIES if m not in present}


def lost_modalities(state: EngineState, person: str) -> dict[Modality, str]:
    """Modalities of a person whose devices are lost, and why. What came from them before is out of date."""
    found: dict[Modality, str] = {}
    unheard = _lost(state, person, (speech.info for speech in state.speech.values()))
    unseen = _lost(state, person, (vision.info for vision in state.vision.values()))
    if unheard is not None:
        found["text"] = found["audio"] = unheard
    if unseen is not None:
        found["visual"] = unseen
    return found


def _text(state: EngineState, utterance: Utterance | None) -> str:
    if utterance is None:
        return "not speaking"
    if utterance.jobs.unusable:
        return utterance.jobs.unusable
    if utterance.jobs.rejected:
        return f"no words: {utterance.jobs.rejected}"
    return "no words" if state.scheduler.budget.text else _LEFT_OUT


def _audio(utterance: Utterance | None) -> str:
    return "not speaking" if utterance is None else "no speech encoded yet"


def _visual(state: EngineState) -> str:
    if not state.vision:
        return "no video"
    return "no face" if state.scheduler.budget.faces else _LEFT_OUT


def _lost(state: EngineState, person: str, streams: Iterable[StreamInfo]) -> str | None:
    """Why none of the streams on which a person would be heard or seen can be used; None when one can."""
    known = list(streams)
    own = [s for s in known if s.person == person] or [s for s in known if s.person is None]
    why = [state.devices.absent[s.name] for s in own if s.name in state.devices.absent]
    return why[0] if own and len(why) == len(own) else None
