import dataclasses

import jax
import pytest
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.models import create
from albar_jax.weights.converted import save_converted
from albar_jax.weights.loading import initial_params

from .conftest import CONFIG, same, state_dict

OTHER_CLASSES = dataclasses.replace(CONFIG, num_classes=3)


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Returns a converted directory and a PyTorch file of the same weights, and the weights."""
    folder = tmp_path_factory.mktemp("weights")
    params = create(CONFIG, jax.random.key(0))[1]
    save_converted(folder / "converted", CONFIG, params)
    safetensors.numpy.save_file(state_dict(params), folder / "x.safetensors")
    return [str(folder / "converted"), str(folder / "x.safetensors")], params


def test_no_init_keeps_the_random_parameters():
    params = create(CONFIG, jax.random.key(1))[1]
    assert initial_params("", CONFIG, params) is params


def test_init_of_the_same_classes_replaces_every_parameter(sources):
    inits, params = sources
    for init in inits:
        assert same(initial_params(init, CONFIG, create(CONFIG, jax.random.key(1))[1]), params)


def test_a_head_of_another_class_count_is_new_with_a_note_of_one_line(sources, capsys):
    inits, params = sources
    fresh = create(OTHER_CLASSES, jax.random.key(1))[1]

    for init in inits:
        started = initial_params(init, OTHER_CLASSES, fresh)
        assert same(started["head"], fresh["head"])
        assert same({**started, "head": None}, {**params, "head": None})
        line = f"{init} has a head for 5 classes, which is replaced by a new head for 3.\n"
        assert capsys.readouterr().err == line


def test_another_architecture_is_refused(sources):
    inits, _ = sources
    config = dataclasses.replace(CONFIG, depths=(2, 2))
    params = create(config, jax.random.key(1))[1]

    for init, words in zip(
        inits,
        [r"depths is \(2, 1\), but the config says \(2, 2\)", r"depths \(2, 1\), but the config"],
        strict=True,
    ):
        with pytest.raises(UserError, match=words):
            initial_params(init, config, params)


def test_a_directory_whose_window_differs_is_refused_though_all_shapes_agree(sources, tmp_path):
    _, params = sources
    turned = dataclasses.replace(CONFIG, window_size=(2, 2, 3))
    params = create(turned, jax.random.key(0))[1]
    save_converted(tmp_path / "turned", turned, params)

    with pytest.raises(UserError, match="window_size"):
        initial_params(
            str(tmp_path / "turned"), dataclasses.replace(CONFIG, window_size=(3, 2, 2)), params
        )


def test_an_init_that_is_nothing_is_refused():
    with pytest.raises(UserError, match="there is no weight file"):
        initial_params("no/such/file.pth", CONFIG, {})


def test_a_file_in_the_hub_cache_is_found_by_its_torchvision_name(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    from albar_jax.weights import torch_hub

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = torch_hub.hub_url("swin3d_t").rsplit("/", 1)[-1]
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    torch.save({}, tmp_path / "hub" / "checkpoints" / name)

    with pytest.raises(UserError, match=f"{name} is damaged"):
        initial_params("torchvision:swin3d_t", CONFIG, {})
