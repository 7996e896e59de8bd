"""A backend passes five stages or is not used: `auto` goes on and says why, a named one fails."""

from __future__ import annotations

import json
import logging
import shutil

import numpy as np
import pytest

from core.backends import loading
from core.backends.base import NETWORKS, Unusable
from core.backends.compiled import Validation, check_compiled, compiled_folder, write_compiled
from core.backends.compiling import compile_networks
from core.backends.loading import load_backend, load_networks
from core.backends.registry import AUTO, BACKENDS, backend
from core.backends.seal import seal
from core.errors import ConfigError, ModelError
from tests.core.backends.fake_backend import ignores_masks


@pytest.fixture
def compiled(source, fake, place):
    """Folder with the fake backend's artifacts."""
    return compile_networks(source, fake, root=place.root).folder


def refused(place, fake, stage, match):
    with pytest.raises(Unusable, match=match) as caught:
        load_backend(place, fake)
    assert caught.value.stage == stage
    assert caught.value.exit_code == ModelError.exit_code


def test_what_was_compiled_is_loaded_and_runs(place, fake, compiled, cases):
    found = load_backend(place, fake, threads=2)
    assert (found.backend, found.precision, list(found.runners)) == ("fake", "fp32", list(NETWORKS))
    assert fake.loaded[-1] == ("fusion", "fp32", 2)
    case = cases["fusion"][3]
    np.testing.assert_allclose(found.runners["fusion"](*case.inputs)[0], case.outputs[0], atol=1e-4)


# --- each stage fails --------------------------------------------------------------------------------


def test_stage_probe(place, fake, compiled):
    fake.missing = "the driver is gone."
    refused(place, fake, "probe", "fake cannot be used here: the driver is gone")


def test_stage_manifest_never_compiled(place, fake):
    refused(
        place, fake, "manifest", r"not compiled for fake \(fp32\) on this machine.*emotrack compile --backend"
    )


def test_stage_manifest_missing(place, fake, compiled):
    (compiled / "manifest.json").unlink()
    refused(place, fake, "manifest", "not finished: it has no manifest")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1', "null"])
def test_stage_manifest_unreadable(text, place, fake, compiled):
    (compiled / "manifest.json").write_text(text)
    seal(compiled / "manifest.json")
    refused(place, fake, "manifest", "cannot be read as a manifest")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gpu": "Card B"}, "compiled for gpu Card A, not Card B"),
        ({"library": "1.1"}, "compiled for library 1.0, not 1.1"),
        ({"driver": "13.1"}, "compiled for driver none, not 13.1"),
        ({"gpu": "Card B", "library": "2.0"}, "gpu Card A, not Card B and library 1.0, not 2.0"),
    ],
)
def test_stage_manifest_another_card_or_version(changes, said, place, fake, compiled):
    fake.machine |= changes
    refused(place, fake, "manifest", said)


def test_stage_manifest_a_folder_that_was_moved_to_another_machine(place, fake, compiled):
    fake.machine["gpu"] = "Card B"
    shutil.move(compiled, compiled_folder(place.spec, fake, "fp32", place.root))
    refused(place, fake, "manifest", "compiled for another gpu: Card A, not Card B")


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("spec_sha256", "0" * 64, "another checkpoint"),
        ("version", 0, "another version"),
        ("backend", "other", "another backend"),
        ("precision", "bf16", "another precision"),
        ("files", {}, "does not name the four networks"),
    ],
)
def test_stage_manifest_of_something_else(key, value, said, place, fake, compiled):
    path = compiled / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    seal(path)
    refused(place, fake, "manifest", said)


def truncated(data):
    return data[: len(data) // 2]


def bit_flipped(data):
    return data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]


@pytest.mark.parametrize("damage", [truncated, bit_flipped, lambda _: b""])
@pytest.mark.parametrize("network", ["text", "fusion"])
def test_stage_hash_damaged(damage, network, place, fake, compiled):
    path = compiled / f"{network}.fake"
    path.write_bytes(damage(path.read_bytes()))
    refused(place, fake, "hash", rf"{network}\.fake: is damaged .*emotrack compile --backend fake")
    assert fake.loaded[len(NETWORKS) :] == []  # nothing of it was ever loaded


def test_stage_hash_file_gone(place, fake, compiled):
    (compiled / "audio.fake").unlink()
    refused(place, fake, "hash", r"audio\.fake: is damaged")


@pytest.mark.parametrize("error", [Exception("bare"), AssertionError("no library"), OSError(), MemoryError()])
def test_stage_load(error, place, fake, compiled):
    fake.loading = error
    refused(place, fake, "load", f"fake cannot load 'text': {type(error).__name__}")


def test_stage_canned_inference_raises(place, fake, compiled):
    def run(*_):
        raise RuntimeError("CUDA error: no kernel image is available")

    fake.wrapped = lambda *_: run
    refused(place, fake, "canned inference", "failed its trial: RuntimeError: CUDA error")


def test_stage_canned_inference_says_something_else(place, fake, compiled):
    fake.wrapped = lambda network, run: lambda *x: [y * 0 for y in run(*x)]
    refused(place, fake, "canned inference", "says something else than eager")


def test_a_precision_that_was_compiled_is_preferred_to_one_that_was_not(source, place, fake):
    compile_networks(source, fake, "bf16", root=place.root)
    assert load_backend(place, fake).precision == "bf16"
    with pytest.raises(Unusable, match="cannot compute in fp16"):
        load_backend(place, fake, "fp16")


# --- auto --------------------------------------------------------------------------------------------


@pytest.fixture
def table(monkeypatch, make_fake):
    """The order of `auto`, with fakes in it: name -> backend."""

    def use(**backends):
        for name, each in backends.items():
            each.name = name
        last = make_fake()
        last.name, last.runs, last.suffix = "onnx", "export", ".onnx"
        found = {**backends, "onnx": last}
        monkeypatch.setattr(loading, "AUTO", tuple(found))
        monkeypatch.setattr(loading, "backend", found.__getitem__)

    return use


def test_auto_passes_over_what_fails_at_each_stage_and_says_why_in_one_line_each(
    table, make_fake, source, place, caplog
):
    fakes = {stage: make_fake() for stage in ("probing", "absent", "damaged", "loading", "trying")}
    table(**fakes)
    for name, each in fakes.items():
        if name != "absent":
            folder = compile_networks(source, each, root=place.root).folder
        if name == "damaged":
            (folder / "visual.fake").write_bytes(b"half")
    fakes["probing"].missing = "nothing is plugged in."
    fakes["loading"].loading = OSError("no such library")
    fakes["trying"].wrapped = ignores_masks_and_numbers
    with caplog.at_level(logging.INFO, "core.backends.loading"):
        assert load_networks(place).backend == "onnx"
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split(":")[0] for line in lines[:5]] == [
        "probing is passed over (probe)",
        "absent is passed over (manifest)",
        "damaged is passed over (hash)",
        "loading is passed over (load)",
        "trying is passed over (canned inference)",
    ]
    assert lines[5:] == ["the networks run on onnx (fp32)."]
    assert not any("\n" in line for line in lines)


def ignores_masks_and_numbers(network, run):
    broken = ignores_masks(network, run)
    return lambda *inputs: [y + 9 for y in broken(*inputs)]


def test_auto_takes_the_first_that_passes(table, make_fake, source, place):
    first, second = make_fake(), make_fake()
    table(first=first, second=second)
    for each in (first, second):
        compile_networks(source, each, root=place.root)
    assert load_networks(place).backend == "first"


def test_auto_that_finds_nothing_is_an_error(table, place, monkeypatch):
    table()
    monkeypatch.setattr(loading, "AUTO", ())
    with pytest.raises(ModelError, match="no backend can run the networks"):
        load_networks(place)


@pytest.mark.parametrize(
    ("lost", "taken"), [(None, False), (0.49, True), (0.5, False), (3.0, False), (-1.0, True)]
)
def test_a_backend_that_changes_the_estimates_needs_validation_data_to_speak_for_it(
    lost, taken, table, source, place, fake
):
    fake.reduced = True
    table(fake=fake)
    folder = compile_networks(source, fake, root=place.root).folder
    if lost is not None:
        manifest = check_compiled(place.spec, fake, "fp32", folder)
        measured = Validation(eager={"a": 70.0, "b": 50.0}, compiled={"a": 71.0, "b": 50.0 - lost})
        if lost < 0:
            measured = Validation(eager={"b": 50.0}, compiled={"b": 50.0 - lost})
        write_compiled(manifest.model_copy(update={"validation": measured}), folder)
    assert load_networks(place).backend == ("fake" if taken else "onnx")
    assert load_networks(place, "fake").backend == "fake"  # who names it gets it


def test_a_named_backend_that_fails_is_not_replaced(table, place, fake):
    table(fake=fake)
    with pytest.raises(Unusable, match="not compiled for fake"):
        load_networks(place, "fake")


# --- the table ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_of_the_table_keeps_the_protocol_and_probes_without_harm(name):
    found = backend(name)
    assert found.name == name
    assert found.precisions
    assert found.runs in ("artifact", "export", "checkpoint")
    missing = found.probe()
    assert missing is None or missing.endswith((".", "'"))


def test_the_order_of_auto_is_fastest_first_and_ends_with_what_always_works():
    assert AUTO == ("tensorrt", "tensorrt-rtx", "cuda", "onnx-int8", "openvino", "onnx", "eager")
    assert set(AUTO) < set(BACKENDS)


def test_a_backend_that_does_not_exist_is_an_error_that_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no backend 'tensort'\. Did you mean tensorrt"):
        backend("tensort")
    with pytest.raises(ConfigError, match="There are auto, tensorrt"):
        backend("abacus")


def test_only_the_networks_that_are_needed_are_read(place, monkeypatch):
    read = []
    real = loading._load
    monkeypatch.setattr(loading, "_load", lambda *given: read.append(given[2]) or real(*given))
    found = load_networks(place, "onnx", names=("text", "fusion"))
    assert (read, set(found.runners)) == (["text", "fusion"], {"text", "fusion"})
