"""What an ablation compares: named lists of flags on top of one preset."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from pydantic import Field, model_validator

from core.config_base import Strict
from core.errors import ConfigError
from train.config import TrainingConfig, read_config

Answer = Literal["fusion", "late average", "best peer"]
Figure = Literal["accuracy", "macro_f1", "micro_f1"]

_SET_HERE: Final = ("optimisation.seed", "optimisation.save_every", "folds")
"""Keys of a preset that an ablation sets itself: flags that named them would say nothing."""

_DATA_KEYS: Final = ("corpora", "labels", "inputs", "vocabulary", "views", "max_tokens", "recogniser")
"""Keys of a preset that an ablation must not touch: all variants learn from the same tokens."""


class VariantConfig(Strict):
    """One row of the table.

    Attributes:
        flags: `a.b=c` on top of the preset; none is the preset itself.
        answer: what is judged: the fusion; the mean of the calibrated peers' logits; or the peer that is
            best on validation data. The last two train nothing of their own.
    """

    flags: tuple[str, ...] = ()
    answer: Answer = "fusion"


class AblationConfig(Strict):
    """An ablation.

    Attributes:
        title: of the table.
        preset: path of the preset, from the folder of the ablation's own file.
        shared: flags of every variant, for instance shorter runs.
        seeds: one run of each variant for each of them.
        corpus: whose test part is judged; one of the preset's.
        test_limit: judge at most so many of its examples, chosen by a hash of their names (0 = all).
        figure: what is compared.
        variants: name -> variant; the first is what the others are compared with.
        not_applicable: name -> why such a variant means nothing here.
        resamples: of the bootstrap.
    """

    title: str
    preset: str
    shared: tuple[str, ...] = ()
    seeds: tuple[int, ...] = Field((0, 1, 2), min_length=3)
    corpus: str
    test_limit: int = Field(0, ge=0)
    figure: Figure
    variants: dict[str, VariantConfig] = Field(min_length=2)
    not_applicable: dict[str, str] = Field(default_factory=dict)
    resamples: int = Field(1000, ge=100)

    @model_validator(mode="after")
    def _different(self) -> AblationConfig:
        if len(set(self.seeds)) != len(self.seeds):
            raise ValueError("seeds must be different")
        both = set(self.variants) & set(self.not_applicable)
        if both:
            raise ValueError(f"{', '.join(sorted(both))} cannot both run and be not applicable")
        flags = [*self.shared, *(flag for variant in self.variants.values() for flag in variant.flags)]
        idle = [flag for flag in flags if flag.partition("=")[0].strip() in _SET_HERE]
        if idle:
            raise ValueError(f"the flag {idle[0]!r} would be overwritten: an ablation sets that key itself")
        return self

    @property
    def reference(self) -> str:
        """Name of the variant that the others are compared with."""
        return next(iter(self.variants))


def read_ablation(path: Path) -> AblationConfig:
    """Read an ablation and check every variant's flags before anything runs.

    Raises:
        ConfigError: the file cannot be read, a flag is wrong, or a variant changes the data.
    """
    config = AblationConfig.from_yaml(path)
    reference = preset_of(config, path, config.variants[config.reference], config.seeds[0])
    if config.corpus not in reference.corpora:
        raise ConfigError(f"{config.corpus} is no corpus of the preset.", where=str(path))
    for name, variant in config.variants.items():
        found = preset_of(config, path, variant, config.seeds[0])
        changed = [key for key in _DATA_KEYS if getattr(found, key) != getattr(reference, key)]
        if changed:
            raise ConfigError(
                f"changes {', '.join(changed)}: variants must learn from the same data.",
                where=f"{path}, {name}",
                fix="Put such flags into shared.",
            )
    return config


def preset_of(config: AblationConfig, path: Path, variant: VariantConfig, seed: int) -> TrainingConfig:
    """The preset of one run. States are not kept, because runs are short; folds would make them long."""
    fixed = [f"optimisation.seed={seed}", "optimisation.save_every=0", "folds=0"]
    flags = [*config.shared, *variant.flags, *fixed]
    return read_config(path.parent / config.preset, flags)
