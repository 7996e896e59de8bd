"""Downloads continue where they broke off, and nothing unverified is let through."""

from __future__ import annotations

import tempfile
from pathlib import Path

import httpx2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.weights.manifest import HubSource, WebSource
from core.weights.progress import Step, silent
from core.weights.staging import SourceFailed, Staging
from core.weights.web import Web, address
from tests.core.weights.fakes import CONFIG, MODEL, tiny


@pytest.fixture
def source(server):
    server.files = {"/model.bin": MODEL, "/config.json": CONFIG}
    return WebSource(base=server.address)


@pytest.fixture
def staging(declare, source):
    return Staging(declare(source))


def test_every_missing_file_is_downloaded_and_progress_is_told(staging, source):
    steps: list[Step] = []
    Web().obtain(source, staging, steps.append)
    folder = staging.finish()
    assert (folder / "model.bin").read_bytes() == MODEL
    assert (folder / "config.json").read_bytes() == CONFIG
    assert steps[-1] == Step("tiny", "config.json", len(CONFIG), len(CONFIG))


def test_a_download_that_broke_off_in_an_earlier_run_is_continued(server, staging, source):
    staging.partial(staging.weight.files[0]).write_bytes(MODEL[:4000])
    Web().obtain(source, staging, silent)
    assert server.requests[0] == ("/model.bin", "bytes=4000-")
    assert staging.missing == ()


def test_a_connection_that_breaks_is_taken_up_again_as_long_as_it_brings_something(server, staging, source):
    server.breaks_after = [3000, 1000]
    Web().obtain(source, staging, silent)
    assert [wanted for path, wanted in server.requests if path == "/model.bin"] == [
        None,
        "bytes=1000-",
        "bytes=4000-",
    ]
    assert staging.missing == ()


def test_a_connection_that_brings_nothing_is_given_up_and_the_rest_is_kept(server, staging, source):
    server.breaks_after = [0, 2000]
    with pytest.raises(SourceFailed):
        Web().obtain(source, staging, silent)
    assert staging.partial(staging.weight.files[0]).read_bytes() == MODEL[:2000]


def test_a_server_that_cannot_continue_starts_over(server, staging, source):
    server.ranges = False
    staging.partial(staging.weight.files[0]).write_bytes(b"?" * 4000)
    Web().obtain(source, staging, silent)
    assert staging.missing == ()


def test_a_file_with_the_wrong_content_is_thrown_away(server, staging, source):
    server.files["/model.bin"] = MODEL[:-1] + b"!"
    with pytest.raises(SourceFailed, match="wrong sha256"):
        Web().obtain(source, staging, silent)
    assert [file.name for file in staging.missing] == ["model.bin", "config.json"]
    assert not staging.partial(staging.weight.files[0]).exists()


def test_a_file_of_another_size_is_refused_before_it_is_downloaded(server, staging, source):
    server.files["/model.bin"] = MODEL * 2
    with pytest.raises(SourceFailed, match=f"{2 * len(MODEL)} bytes, not {len(MODEL)}"):
        Web().obtain(source, staging, silent)


def test_a_missing_file_names_address_and_status(server, staging, source):
    server.files.clear()
    with pytest.raises(SourceFailed, match=r"/model.bin answers 404"):
        Web().obtain(source, staging, silent)


def test_a_host_out_of_reach_is_asked_once_per_run(staging):
    asked: list[str] = []

    def refuse(url, headers):
        asked.append(url)
        raise httpx2.ConnectError("[Errno 111] Connection refused")

    web = Web(refuse)
    for base in ("http://one.invalid/a/", "http://one.invalid/b/", "http://two.invalid/"):
        with pytest.raises(SourceFailed, match=r"out of reach \(Connection refused\)"):
            web.obtain(WebSource(base=base), staging, silent)
    assert asked == ["http://one.invalid/a/model.bin", "http://two.invalid/model.bin"]


def test_a_mirror_of_the_hub_can_be_named(staging, monkeypatch):
    hub = HubSource(repo="owner/name", revision="abc")
    file = staging.weight.files[0]
    assert address(hub, file) == "https://huggingface.co/owner/name/resolve/abc/model.bin"
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.example/")
    assert address(hub, file) == "https://mirror.example/owner/name/resolve/abc/model.bin"


@settings(max_examples=25, deadline=None)
@given(cut=st.integers(0, len(MODEL)), chunk=st.integers(1, 4096))
def test_wherever_a_download_is_cut_the_rest_completes_it(cut, chunk):
    def handler(request: httpx2.Request) -> httpx2.Response:
        content = MODEL if request.url.path.endswith("model.bin") else CONFIG
        start = int(request.headers.get("Range", "bytes=0-")[6:-1])
        body = (content[i : i + chunk] for i in range(start, len(content), chunk))
        return httpx2.Response(206 if start else 200, content=body)

    client = httpx2.Client(transport=httpx2.MockTransport(handler))
    weight = tiny()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, client:
        patch.setenv("EMOTRACK_CACHE", folder)
        staging = Staging(weight)
        staging.partial(weight.files[0]).write_bytes(MODEL[:cut])
        web = Web(lambda url, headers: client.stream("GET", url, headers=headers))
        web.obtain(WebSource(base="http://any.invalid/"), staging, silent)
        assert (Path(staging.finish()) / "model.bin").read_bytes() == MODEL
