import dataclasses

import jax
import numpy as np
import pytest

from albar_jax.errors import UserError
from albar_jax.models import VideoSwinConfig, create
from albar_jax.weights import loading, recognise, torch_files, torch_params
from albar_jax.weights.inflate import inflate, inflate_bias
from albar_jax.weights.name_tables import MICROSOFT, TIMM, TORCHVISION_IMAGE
from albar_jax.weights.trees import flatten

from .conftest import REFERENCE, distance, run, same

# torchvision's 2D Swin of these sizes; the reference has its logits for two images.
SOURCE = str(REFERENCE / "image_swin.safetensors")
CONFIG = VideoSwinConfig(
    embed_dim=8,
    depths=(2, 1),
    num_heads=(2, 4),
    patch_size=(2, 2, 2),
    window_size=(2, 3, 3),
    num_classes=5,
)


@pytest.fixture(scope="module")
def params():
    return loading.load(SOURCE, CONFIG)[1]


@pytest.mark.parametrize(
    ("frames", "covers"), [(8, "windows shifted in time"), (2, "a window cut in time")]
)
def test_a_clip_of_equal_frames_has_the_logits_that_the_image_network_gives_its_frame(
    params, frames, covers
):
    reference = np.load(REFERENCE / "image_swin.npz")
    video = np.repeat(reference["image_bhwc"][:, None], frames, axis=1)
    apply, _ = create(CONFIG, jax.random.key(0))
    logits = run(lambda p, v: apply(p, v, None).logits, params, video)

    assert distance(logits, reference["logits"]) < 1e-6, covers


@pytest.mark.parametrize("table", [MICROSOFT, TIMM], ids=lambda table: table.name)
def test_other_names_of_the_same_image_network_give_the_same_parameters(params, table):
    state = torch_files.read_state_dict(SOURCE)
    renamed = {
        table.torch_name(path): state[TORCHVISION_IMAGE.torch_name(path)]
        for path in flatten(params)
    }
    inflated = inflate(renamed, table, CONFIG, "file")

    assert recognise.table_of(renamed, "file") is table
    assert same(torch_params.params_of(inflated, table, CONFIG, "file"), params)


def test_a_patch_of_equal_frames_sums_to_the_image_patch_for_any_depth():
    deep = dataclasses.replace(CONFIG, patch_size=(3, 2, 2))
    kernel = loading.load(SOURCE, deep)[1]["patch_embed"]["proj"]["kernel"].reshape(3, 2, 2, 3, 8)
    image = torch_files.read_state_dict(SOURCE)["features.0.0.weight"].transpose(2, 3, 1, 0)

    assert np.allclose(kernel.sum(0), image, rtol=1e-6)
    assert np.array_equal(kernel[0], kernel[2])


def test_position_biases_are_the_same_at_every_offset_in_time():
    table = np.random.default_rng(0).normal(size=(3 * 5, 4)).astype(np.float32)
    inflated = inflate_bias(table, (4, 2, 3), "x")
    assert inflated.shape == (7 * 3 * 5, 4)
    assert np.array_equal(inflated.reshape(7, 15, 4), np.broadcast_to(table, (7, 15, 4)))


@pytest.mark.parametrize("heads", [1, 3, 48])
def test_biases_of_another_window_are_resized_as_the_reference_does(heads):
    torch = pytest.importorskip("torch")
    table = np.random.default_rng(0).normal(size=(23 * 23, heads)).astype(np.float32)
    grid = torch.from_numpy(table.T.reshape(1, heads, 23, 23).copy())
    resized = torch.nn.functional.interpolate(grid, size=(13, 15), mode="bicubic").numpy()
    ours = inflate_bias(table, (1, 7, 8), "x").T.reshape(1, heads, 13, 15)

    assert distance(ours, resized) < 1e-5


def test_a_small_resized_table_has_the_numbers_of_the_reference():
    table = np.repeat(np.float32([0, 1, 4]), 3)[:, None]
    # From torch.nn.functional.interpolate(..., size=(5, 5), mode="bicubic"); all columns are equal.
    expected = np.repeat(np.float32([-0.096, 0.172, 1.0, 2.908, 4.288]), 5)
    assert np.allclose(inflate_bias(table, (1, 3, 3), "x")[:, 0], expected, atol=1e-5)


def test_biases_that_come_from_no_square_window_and_are_not_ours_are_refused():
    with pytest.raises(UserError, match=r"table of x\.pth has 15 rows, which is not the square"):
        inflate_bias(np.zeros((15, 2), np.float32), (2, 3, 3), "table of x.pth")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((15,), "offsets x heads"),
        ((), "offsets x heads"),
        ((0, 2), "cannot be resized"),
        ((25, 200), "cannot be resized"),
    ],
)
def test_biases_that_are_no_table_are_refused(shape, words):
    with pytest.raises(UserError, match=rf"table of x\.pth has the shape .*{words}"):
        inflate_bias(np.zeros(shape, np.float32), (2, 2, 2), "table of x.pth")


def test_training_starts_from_an_image_network_with_a_new_head_and_says_so(params, capsys):
    config = dataclasses.replace(CONFIG, num_classes=3)
    fresh = create(config, jax.random.key(1))[1]
    started = loading.initial_params(SOURCE, config, fresh)

    assert same(started["head"], fresh["head"])
    assert same({**started, "head": None}, {**params, "head": None})
    assert capsys.readouterr().err == (
        f"{SOURCE} is a Swin for images, which is inflated to video.\n"
        f"{SOURCE} has a head for 5 classes, which is replaced by a new head for 3.\n"
    )


def test_an_image_network_of_other_depths_or_patches_is_refused():
    with pytest.raises(UserError, match=r"depths \(2, 1\), but the config says 8 and \(2, 2\)"):
        loading.load(SOURCE, dataclasses.replace(CONFIG, depths=(2, 2)))
    with pytest.raises(
        UserError, match=r"features\.0\.0\.weight \(8, 3, 2, 2, 2\) for \(8, 3, 2, 4, 4\)"
    ):
        loading.load(SOURCE, dataclasses.replace(CONFIG, patch_size=(2, 4, 4)))
