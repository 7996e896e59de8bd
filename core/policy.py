"""What a run is for, and what must not be inferred for that: the one place that decides.

A run at work or at school infers nothing from voices and faces. `Scheduler` refuses such orders, so whoever
runs an engine, live, from a recording or for a client of the feed, keeps to it. None of this is legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from core.errors import PolicyError
from core.labels import MODALITIES, Modality, Purpose
from core.work import (
    AudioTokens,
    Faces,
    Failed,
    Fuse,
    Outcome,
    Payload,
    SpeakerFeatures,
    VisualTokens,
    WorkKind,
)

Worker = TypeVar("Worker")

_BIOMETRIC: Final[dict[WorkKind, Modality]] = {
    "faces": "visual",
    "encode_visual": "visual",
    "encode_audio": "audio",
    "encode_speaker": "audio",
}
"""Kinds of work that look at a face, or listen to who speaks and how. Recognising words is none."""

_WHERE: Final[dict[str, str]] = {"workplace": "at the workplace", "education": "in education"}


@dataclass(frozen=True, slots=True)
class Policy:
    """What is withheld for one purpose.

    Attributes:
        purpose: what the run is for.
        withheld: modalities from which nothing is inferred, in the canonical order.
        why: one paragraph for people, "" when nothing is withheld.
    """

    purpose: Purpose
    withheld: tuple[Modality, ...] = ()
    why: str = ""

    @property
    def forbidden(self) -> frozenset[WorkKind]:
        """Kinds of orders that are refused."""
        return frozenset(kind for kind, modality in _BIOMETRIC.items() if modality in self.withheld)

    @property
    def missing(self) -> dict[Modality, str]:
        """Modality -> why it is missing from an estimate, in a few words."""
        return dict.fromkeys(self.withheld, f"withheld: purpose {self.purpose}")

    @property
    def explained(self) -> dict[str, str]:
        """Modality -> why it is withheld, as the first message of a run says it."""
        return dict.fromkeys(self.withheld, self.why)

    def allows(self, modality: Modality) -> bool:
        """Whether anything may be inferred from it."""
        return modality not in self.withheld

    def permitted(self, workers: Mapping[WorkKind, Worker]) -> dict[WorkKind, Worker]:
        """Those workers whose orders may be issued: the others are not even there."""
        return {kind: worker for kind, worker in workers.items() if kind not in self.forbidden}

    def check(self, kind: WorkKind, payload: Payload) -> None:
        """Let an order pass.

        Raises:
            PolicyError: what it asks for is withheld.
        """
        used: Iterable[Modality] = ()
        if isinstance(payload, Fuse):
            used = (modality for window in payload.windows for modality in window.modalities)
        if kind in self.forbidden or any(not self.allows(modality) for modality in used):
            raise PolicyError(f"{kind} is withheld: purpose {self.purpose}.", fix=self.why)

    def admitted(self, outcome: Outcome) -> Outcome:
        """The result of an order, or a failure in place of one that must not have been computed."""
        match outcome:
            case Faces() | VisualTokens():
                modality: Modality = "visual"
            case AudioTokens() | SpeakerFeatures():
                modality = "audio"
            case _:
                return outcome
        return outcome if self.allows(modality) else Failed(self.missing[modality])


def policy_of(purpose: str) -> Policy:
    """The policy of a purpose.

    Raises:
        PolicyError: there is no such purpose.
    """
    match purpose:
        case "personal" | "research" | "media":
            return Policy(purpose)
        case "workplace" | "education":
            return Policy(purpose, tuple(m for m in MODALITIES if m in _BIOMETRIC.values()), _why(purpose))
        case _:
            raise PolicyError(f"there is no purpose {purpose!r}.", where="engine.purpose")


def _why(purpose: str) -> str:
    return (
        f"No emotion is inferred from voices or faces {_WHERE[purpose]}: the EU AI Act prohibits it there "
        "(Art. 5(1)(f)), and nobody's consent changes that. What is left rests on recognised words alone. "
        "Where emotions are inferred elsewhere, the people concerned have to be told (Art. 50(3)). "
        "This is no legal advice."
    )


def settled(named: Iterable[str], chosen: str) -> None:
    """Make sure that no other purpose takes the place of one that withholds something.

    Args:
        named: every purpose that was named on the way: in a file, as an option, by a recording.
        chosen: the one that would be used.

    Raises:
        PolicyError: one of them withholds what `chosen` would not, or for another reason.
    """
    for purpose in named:
        if purpose != chosen and policy_of(purpose).withheld:
            raise PolicyError(
                f"the purpose is {purpose}, and {chosen} cannot take its place.",
                where="engine.purpose",
                fix="Remove one of them where it is named.",
            )
