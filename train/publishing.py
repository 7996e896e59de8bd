"""A checkpoint as a folder for a model hub: the files of its spec, a card with metadata, `config.json`.

Nothing is sent anywhere: the hub's own command uploads the folder. What comes back from there is a checkpoint
like any other (`--checkpoint FOLDER`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import yaml

from core.backends.artifacts import check_files
from core.errors import ConfigError
from core.spec import ModelSpec, read_spec
from core.version import VERSION

CARD: Final = "MODEL_CARD.md"
HUB_CARD: Final = "README.md"
CONFIG: Final = "config.json"

# The identifiers that hubs know; every other licence is "other", with its name beside it.
_LICENSES: Final = ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", "cc-by-sa-4.0", "cc-by-4.0", "apache-2.0", "mit")


def publish(checkpoint: Path, out: Path) -> tuple[Path, ...]:
    """Write a folder that a hub takes as it is.

    Args:
        checkpoint: a whole checkpoint with a model card.
        out: absent or empty; created.

    Returns:
        The files written, sorted.

    Raises:
        SpecMismatch: the checkpoint is not whole.
        ConfigError: it has no card, or `out` holds something already.
    """
    spec = read_spec(checkpoint)
    check_files(spec, checkpoint)
    card = checkpoint / CARD
    if not card.is_file():
        raise ConfigError(
            "has no model card, and nobody should publish weights without one.",
            where=str(checkpoint),
            fix="Write it: emotrack train card CHECKPOINT CONFIG --data DIR.",
        )
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError("holds something already.", where=str(out), fix="Name a new folder.")
    out.mkdir(parents=True, exist_ok=True)
    own = {name for encoder in spec.encoders.values() for name in encoder.files}
    for name in sorted({*own, spec.fusion.file, "spec.json", CARD}):
        shutil.copyfile(checkpoint / name, out / name)
    head = yaml.safe_dump(metadata(spec), sort_keys=False, allow_unicode=True)
    (out / HUB_CARD).write_text(f"---\n{head}---\n\n{card.read_text(encoding='utf-8')}", encoding="utf-8")
    (out / CONFIG).write_text(json.dumps(hub_config(spec), indent=2) + "\n", encoding="utf-8")
    return tuple(sorted(out.iterdir()))


def metadata(spec: ModelSpec) -> dict[str, Any]:
    """What hubs read at the head of a card."""
    short = spec.license.split("(")[0].strip()
    known = short.lower() if short.lower() in _LICENSES else None
    return {
        "license": known or "other",
        **({} if known else {"license_name": short or "unknown"}),
        "language": list(spec.encoders["text"].languages),
        "library_name": "emotrack",
        "pipeline_tag": "audio-classification",
        "tags": ["emotion-recognition", "multimodal", "multi-label", *spec.encoders],
    }


def hub_config(spec: ModelSpec) -> dict[str, Any]:
    """`config.json`: what the folder is, for tools that know no `spec.json`; nothing is loaded by it."""
    return {
        "model_type": "emotrack",
        "emotrack_version": VERSION,
        "spec_version": spec.version,
        "spec_sha256": spec.sha256,
        "id2label": {str(index): label for index, label in enumerate(spec.labels)},
        "label2id": {label: index for index, label in enumerate(spec.labels)},
        "problem_type": "multi_label_classification",
    }
