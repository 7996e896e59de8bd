import numpy as np
import pytest
import torch

from core.encoders.crop_scaling import scale_crops
from core.encoders.visual import FILE, WIDTH, ExpressionNet
from core.encoders.weight_files import write_tensors
from core.errors import ModelError


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = ExpressionNet()
    with torch.no_grad():
        net(torch.rand(8, 1, 48, 48))  # gives the running statistics some values
    return net.eval()


@pytest.fixture
def crops():
    return np.random.default_rng(0).integers(60, 120, (3, 48, 48)).astype(np.uint8)


def test_a_face_gives_one_token(network, crops):
    with torch.no_grad():
        tokens = network(torch.from_numpy(scale_crops(crops)))
        alone = network(torch.from_numpy(scale_crops(crops[:1])))
    assert tokens.shape == (3, WIDTH)
    torch.testing.assert_close(tokens[:1], alone, atol=1e-5, rtol=1e-4)


def test_light_and_contrast_do_not_matter(network, crops):
    brighter = (crops * 1.5 + 30).astype(np.uint8)  # 120 to 210: nothing is clipped
    with torch.no_grad():
        first, second = (network(torch.from_numpy(scale_crops(c))) for c in (crops, brighter))
    assert (first - second).abs().max() < 0.05 * first.abs().max()


def test_a_grey_wall_is_finite(network):
    with torch.no_grad():
        assert network(torch.full((1, 1, 48, 48), 0.5)).isfinite().all()


def test_weights_survive_storage(network, crops, tmp_path):
    write_tensors(network.state_dict(), tmp_path / FILE)
    faces = torch.from_numpy(scale_crops(crops))
    with torch.no_grad():
        expected, found = network(faces), ExpressionNet.load(tmp_path)(faces)
    torch.testing.assert_close(found, expected, atol=0.01, rtol=0.01)
    assert (tmp_path / FILE).stat().st_size < 8_000_000


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match="cannot be read as network weights"):
        ExpressionNet.load(tmp_path)


def test_crops_of_another_size_are_refused():
    with pytest.raises(ValueError, match="must be"):
        scale_crops(np.zeros((1, 64, 64), np.uint8))
    with pytest.raises(ValueError, match="must be"):
        scale_crops(np.zeros((1, 48, 48), np.float32))
