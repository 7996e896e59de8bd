import collections
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from core.errors import SourceError
from train.corpora.array_pickle import load_arrays

CONTENT = {
    "train": {"text": np.arange(24, dtype=np.float32).reshape(2, 3, 4)},
    "test": {"id": np.array([["vidC", "0.5"]])},
    "order": np.asfortranarray(np.eye(3)),
}


def write(tmp_path: Path, content: object, protocol: int = 4) -> Path:
    path = tmp_path / "aligned.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    return path


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_arrays_in_dicts_are_loaded_from_every_protocol(tmp_path: Path, protocol: int) -> None:
    loaded = load_arrays(write(tmp_path, CONTENT, protocol))
    assert (loaded["train"]["text"] == CONTENT["train"]["text"]).all()
    assert loaded["train"]["text"].dtype == CONTENT["train"]["text"].dtype
    assert loaded["test"]["id"].tolist() == [["vidC", "0.5"]]
    assert loaded["order"].flags.f_contiguous == CONTENT["order"].flags.f_contiguous


def test_plain_containers_scalars_and_arrays_of_objects_are_loaded(tmp_path: Path) -> None:
    content = [{"a": (1, 2.5, None, True)}, {3}, frozenset({4}), b"x", np.float32(2), bytearray(b"y")]
    loaded = load_arrays(write(tmp_path, [*content, collections.OrderedDict(b=1)]))
    assert loaded[:6] == content
    objects = np.array(["short", "rather longer"], dtype=object)
    assert load_arrays(write(tmp_path, objects)).tolist() == objects.tolist()


class Malicious:
    def __init__(self, *call) -> None:
        self.call = call

    def __reduce__(self):
        return self.call[0], self.call[1:]


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_a_pickle_that_would_run_a_program_is_refused_and_nothing_runs(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "witness"
    path = write(tmp_path, {"train": Malicious(os.system, f"touch {witness}")}, protocol)
    with pytest.raises(SourceError, match=r"it asks for (posix|nt)\.system"):
        load_arrays(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    "call",
    [
        (eval, "1"),
        (getattr, [], "append"),
        (open, "x"),
        (np.load, "x"),
        (np.fromfile, "x"),
        (np.array, [1]),
        (collections.defaultdict, list),
        (np.dtype, "V8"),
        (np.dtype, "i8,O"),
    ],
    ids=str,
)
def test_whatever_is_no_reconstruction_of_arrays_is_refused(tmp_path: Path, call: tuple) -> None:
    with pytest.raises(SourceError, match="it asks for"):
        load_arrays(write(tmp_path, Malicious(*call)))


def test_names_with_dots_lead_nowhere(tmp_path: Path) -> None:
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")
    with pytest.raises(SourceError, match=r"numpy\.ndarray\.tofile"):
        load_arrays(path)


def test_a_torn_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, CONTENT)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(SourceError, match=r"aligned\.pkl: was not loaded"):
        load_arrays(path)


@settings(max_examples=40, deadline=None)
@given(
    hnp.arrays(
        st.sampled_from(["<f4", ">f8", "i1", "<u2", "?", "<c8", "S3", "<U4"]),
        hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
    ),
    st.integers(0, 5),
)
def test_every_plain_array_comes_back_as_from_the_usual_loader(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, protocol: int
) -> None:
    path = write(tmp_path_factory.getbasetemp(), array, protocol)
    loaded, usual = load_arrays(path), pickle.loads(path.read_bytes())
    assert loaded.dtype == usual.dtype
    assert loaded.shape == array.shape
    assert loaded.tobytes() == usual.tobytes()


class Named:
    """Pickles as the name of something, as an attacker would write it."""

    def __init__(self, thing: object) -> None:
        self.thing = thing

    def __reduce__(self):
        return self.thing


ADDRESS = bytes(8)


def test_no_array_of_objects_is_made_from_raw_memory(tmp_path: Path) -> None:
    objects = np.dtype("O")
    with pytest.raises(SourceError, match="was not loaded"):
        load_arrays(write(tmp_path, Malicious(np.ndarray, (1,), objects, ADDRESS)))
    filled = (np.zeros(1).__reduce__()[0], (np.ndarray, (0,), b"b"), (1, (1,), objects, False, ADDRESS))
    with pytest.raises(SourceError, match="was not loaded"):
        load_arrays(write(tmp_path, Named(filled)))
    from_buffer = np.zeros(1).__reduce_ex__(5)[0]
    with pytest.raises(SourceError, match="was not loaded"):
        load_arrays(write(tmp_path, Malicious(from_buffer, ADDRESS, objects, (1,), "C")))
    scalar = np.float32(1).__reduce__()[0]
    with pytest.raises(SourceError, match="was not loaded"):
        load_arrays(write(tmp_path, Malicious(scalar, objects, ADDRESS)))


def test_a_type_that_lies_about_its_fields_is_refused(tmp_path: Path) -> None:
    state = (3, "|", None, ("a",), {"a": (np.dtype("O"), 0)}, 8, 1, 0)
    with pytest.raises(SourceError, match="structures"):
        load_arrays(write(tmp_path, Named((np.dtype, ("S8", False, True), state))))


def test_a_foreign_encoding_is_refused(tmp_path: Path) -> None:
    import _codecs

    with pytest.raises(SourceError, match="the encoding 'rot13'"):
        load_arrays(write(tmp_path, Malicious(_codecs.encode, "abc", "rot13")))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no\.pkl: cannot be read"):
        load_arrays(tmp_path / "no.pkl")


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 5))
def test_a_damaged_file_is_either_loaded_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, value: int, protocol: int
) -> None:
    path = write(tmp_path_factory.getbasetemp(), CONTENT, protocol)
    damaged = bytearray(path.read_bytes())
    damaged[place % len(damaged)] = value
    path.write_bytes(damaged)
    try:
        load_arrays(path)
    except SourceError as error:
        assert "was not loaded" in str(error)  # noqa: PT017  (either is right)
