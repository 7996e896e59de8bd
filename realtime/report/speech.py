"""What a report keeps of one utterance."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.events import Correction, EmotionEstimate, Transcript, Utterance


@dataclass
class Speech:
    """One utterance, as far as it is known.

    Attributes:
        id: of the utterance.
        person: who spoke, as last said.
        t0_s, t1_s: extent.
        text: the words.
        pending: words at the end that may have changed; "" once the transcript is final.
        verdict: the final estimate; None while there is none.
        missing: modality -> why the final estimate does not rest on it.
        corrections: what those who watched said of it.
    """

    id: str
    person: str
    t0_s: float
    t1_s: float
    text: str = ""
    pending: str = ""
    verdict: Verdict | None = None
    missing: dict[str, str] = field(default_factory=dict)
    corrections: list[Correction] = field(default_factory=list)

    def take(self, event: Utterance | Transcript | EmotionEstimate) -> None:
        """Take in what is newly known."""
        self.person = event.person
        match event:
            case Utterance():
                self.t0_s, self.t1_s = event.t0_s, event.t1_s
            case Transcript():
                self.text, self.pending = event.text, "" if event.final else event.pending
            case EmotionEstimate():
                present = () if event.abstained else event.active
                probabilities = tuple((label, event.probabilities.get(label)) for label in present)
                self.verdict = Verdict(probabilities, event.confidence, event.abstained)
                self.missing = event.missing


@dataclass(frozen=True)
class Verdict:
    """The final estimate of an utterance.

    Attributes:
        labels: labels present with their probabilities, most probable first; empty when it abstained.
        confidence: in [0, 1].
        abstained: the evidence was too thin.
    """

    labels: tuple[tuple[str, float | None], ...]
    confidence: float
    abstained: bool
