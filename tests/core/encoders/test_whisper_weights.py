import struct

import numpy as np
import pytest

from core.encoders.whisper_weights import read_encoder_tensors
from core.errors import WeightsError

KINDS = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def container(tensors, version=6):
    """A CTranslate2 model file with these tensors (name -> array)."""

    def text(value):
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    out = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for name, value in tensors.items():
        out += text(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape)
        out += struct.pack("<BI", KINDS[value.dtype.name], value.nbytes) + value.tobytes()
    return out


def tensors(dtype="float16"):
    weight = np.arange(6).reshape(2, 3).astype(dtype)
    return {
        "decoder/layer_0/weight": weight,
        "encoder/conv1/weight": weight,
        "encoder/layer_0/ffn/linear_0/weight": weight + 1,
        "encoder/layer_1/ffn/linear_0/weight": weight + 2,
        "encoder/num_heads": np.array(8, "int16"),
    }


def test_the_wanted_layers_come_as_float32(tmp_path):
    path = tmp_path / "model.bin"
    path.write_bytes(container(tensors()))
    found = read_encoder_tensors(path, 1)
    assert set(found) == {"conv1/weight", "layer_0/ffn/linear_0/weight"}
    assert found["conv1/weight"].dtype == np.float32
    np.testing.assert_array_equal(found["layer_0/ffn/linear_0/weight"], [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("content", "layers", "message"),
    [
        (container(tensors("int8")), 1, "is quantised"),
        (container(tensors()), 3, "has no encoder layer 2"),
        (container(tensors(), version=99), 1, "container version 99"),
        (container(tensors())[:150], 1, "cannot be read"),
        (b"", 1, "cannot be read"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path, content, layers, message):
    path = tmp_path / "model.bin"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=message) as caught:
        read_encoder_tensors(path, layers)
    assert str(path) in str(caught.value)


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(WeightsError, match="cannot be read"):
        read_encoder_tensors(tmp_path / "model.bin", 1)
