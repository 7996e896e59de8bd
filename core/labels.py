"""The labels that the product speaks: seven emotions, three modalities, five purposes."""

from __future__ import annotations

from typing import Final, Literal

Modality = Literal["text", "audio", "visual"]

MODALITIES: Final[tuple[Modality, ...]] = ("text", "audio", "visual")
"""The order in which peers, masks and attributions are stacked, everywhere."""

Purpose = Literal["personal", "research", "media", "workplace", "education"]
"""What a run is for; see `core.policy`."""

EMOTIONS: Final[tuple[str, ...]] = (
    "anger",
    "disgust",
    "fear",
    "happiness",
    "sadness",
    "surprise",
    "neutral",
)
"""Labels of the default checkpoint. They are independent: any number may be present at once."""

UNKNOWN_PERSON: Final = "unknown"
"""The person to whom speech belongs that no visible face was seen to utter."""
