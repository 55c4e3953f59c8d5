"""Compares the ResNet with torchvision's at one tolerance, and tests it as a network of ours."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import safetensors.numpy

from albar_jax import cli
from albar_jax.errors import UserError
from albar_jax.methods.losses import cross_entropy
from albar_jax.models import PRESETS, ResNetConfig, VideoSwinConfig, create
from albar_jax.types import BATCH_STATS
from albar_jax.weights import loading, recognise, torch_params
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.weights.name_tables import RESNET
from albar_jax.weights.trees import flatten
from tests.reference.make_resnet import CLASSES, NETWORKS, WIDTH, draw

from .conftest import REFERENCE, TOLERANCE, distance, run, same

TINY = ResNetConfig(depths=(1, 1), bottleneck=True, stem_width=4, num_classes=3)
KEY = jax.random.key(0)


@dataclasses.dataclass(frozen=True)
class Golden:
    config: ResNetConfig
    weights: dict
    values: dict

    @functools.cached_property
    def video(self):
        return jnp.asarray(self.values["image"])[:, None]

    @functools.cached_property
    def params(self):
        return {name: value for name, value in self.weights.items() if name != BATCH_STATS}

    def outputs(self, params, video, key):
        return create(self.config, KEY)[0](
            params | {BATCH_STATS: self.weights[BATCH_STATS]}, video, key
        )

    def worst(self, prefix, tree, only=None):
        """Returns the largest distance of a tree's weights from torchvision's.

        With `only`, torchvision's are that many; otherwise they must be complete.
        """
        flat = {RESNET.torch_name(path): (path, value) for path, value in flatten(tree).items()}
        names = [name.removeprefix(prefix) for name in self.values if name.startswith(prefix)]

        assert set(names) == flat.keys() if only is None else len(names) == only

        return max(
            distance(flat[n][1], RESNET.from_torch(flat[n][0], self.values[prefix + n]))
            for n in names
        )


def torch_state(config, rng) -> dict:
    """Returns the random weights of the generator with torchvision's names and shapes."""
    shapes = flatten(torch_params.param_shapes(config))
    named = {
        RESNET.torch_name(p): RESNET.torch_shape(p, s.shape, config) for p, s in shapes.items()
    }
    return {name: draw(name, shape, rng) for name, shape in sorted(named.items())}


@pytest.fixture(scope="module", params=NETWORKS)
def golden(request) -> Golden:
    block, depths = NETWORKS[request.param]
    config = ResNetConfig(depths, block == "Bottleneck", WIDTH, CLASSES)
    state = torch_state(config, np.random.default_rng(0))
    loaded = torch_params.params_of(state, RESNET, config, "file")
    return Golden(config, loaded, dict(np.load(REFERENCE / f"resnet_{request.param}.npz")))


def test_logits_loss_gradients_batch_statistics_and_second_derivatives_are_torchvisions(golden):
    target = jax.nn.one_hot(golden.values["label"], CLASSES)

    def loss(params):
        outputs = golden.outputs(params, golden.video, KEY)
        return cross_entropy(outputs.logits, target).mean(), outputs

    def penalty(params):
        slope = jax.grad(lambda video: golden.outputs(params, video, KEY).logits.sum())(
            golden.video
        )
        return jnp.sum(slope**2)

    def everything(params):
        evaluated = golden.outputs(params, golden.video, None)
        is_penalised = "penalty/conv1.weight" in golden.values
        return (
            evaluated,
            jax.value_and_grad(loss, has_aux=True)(params),
            is_penalised and jax.grad(penalty)(params),
        )

    evaluated, ((value, trained), gradient), penalised = run(everything, golden.params)

    assert distance(evaluated.logits, golden.values["logits"]) < TOLERANCE
    assert evaluated.batch_stats == {}
    assert distance(value, golden.values["loss"]) < TOLERANCE
    assert distance(trained.logits, golden.values["train_logits"]) < TOLERANCE
    assert golden.worst("after/", trained.batch_stats) < TOLERANCE
    assert golden.worst("grad/", gradient) < TOLERANCE

    if penalised:
        assert golden.worst("penalty/", penalised, only=3) < TOLERANCE


def test_frames_are_pictures_whose_logits_and_features_are_averaged():
    apply, params = create(TINY, KEY)
    params = jax.tree.map(lambda x: x + 0.1, params)
    video = jax.random.normal(jax.random.key(1), (2, 3, 24, 20, 3))
    clip, frames = run(
        lambda v: (apply(params, v, None), apply(params, v.reshape(6, 1, 24, 20, 3), None)), video
    )

    assert distance(clip.logits, frames.logits.reshape(2, 3, -1).mean(1)) < 1e-5
    assert distance(clip.features, frames.features.reshape(2, 3, -1).mean(1)) < 1e-5
    assert clip.features.shape == (2, TINY.feature_width)


def test_training_never_writes_into_the_weights_it_is_given():
    apply, params = create(TINY, KEY)
    given = jax.tree.map(np.array, params)
    before = jax.tree.map(np.copy, given)
    running = apply(
        given, np.random.default_rng(0).normal(size=(2, 1, 16, 16, 3)).astype(np.float32), KEY
    ).batch_stats

    assert same(given, before)
    assert not same(running[BATCH_STATS], before[BATCH_STATS])


def test_bfloat16_convolves_and_leaves_statistics_and_logits_in_float32():
    apply, params = create(dataclasses.replace(TINY, dtype="bfloat16"), KEY)
    exact, _ = create(TINY, KEY)
    video = jax.random.normal(jax.random.key(1), (4, 1, 32, 32, 3))
    rough, fine = run(lambda v: (apply(params, v, KEY), exact(params, v, KEY)), video)

    assert {leaf.dtype.name for leaf in jax.tree.leaves((rough, params))} == {"float32"}
    assert 1e-4 < distance(rough.logits, fine.logits) < 0.1


def test_dropout_of_the_head_is_drawn_from_the_key_and_off_in_evaluation():
    apply, params = create(dataclasses.replace(TINY, head_dropout=0.5), KEY)
    video = jax.random.normal(jax.random.key(1), (2, 1, 16, 16, 3))
    keys = [None, None, jax.random.key(1), jax.random.key(1), jax.random.key(2)]
    logits = [np.asarray(apply(params, video, key).logits) for key in keys]

    assert np.array_equal(logits[0], logits[1])
    assert np.array_equal(logits[2], logits[3])
    assert not np.allclose(logits[3], logits[4])


def test_initial_weights_are_drawn_as_torchvision_draws_them():
    flat = flatten(create(dataclasses.replace(PRESETS["resnet_micro"], num_classes=50), KEY)[1])

    assert np.std(flat["stem/kernel"]) == pytest.approx(np.sqrt(2 / (16 * 49)), rel=0.05)
    assert np.std(flat["stages/2/0/convs/0/kernel"]) == pytest.approx(
        np.sqrt(2 / (64 * 9)), rel=0.03
    )
    assert np.std(flat["stages/2/0/shortcut/kernel"]) == pytest.approx(np.sqrt(2 / 64), rel=0.06)

    # Uniform within 1 / sqrt(64).
    for leaf in ("kernel", "bias"):
        head = np.asarray(flat[f"head/{leaf}"]) * np.sqrt(64)
        assert 0.85 < np.abs(head).max() <= 1
        assert np.std(head) == pytest.approx(np.sqrt(1 / 3), rel=0.2)
    assert all((flat[path] == 1).all() for path in flat if path.endswith(("scale", "/var")))

    zeros = [
        path for path in flat if path.endswith(("bias", "/mean")) and not path.startswith("head")
    ]

    assert all((flat[path] == 0).all() for path in zeros)


@pytest.mark.parametrize(("preset", "count"), [("resnet18", 11_689_512), ("resnet50", 25_557_032)])
def test_the_presets_have_the_published_number_of_parameters(preset, count):
    shapes = torch_params.param_shapes(PRESETS[preset])

    assert (
        sum(
            leaf.size
            for name in shapes
            if name != BATCH_STATS
            for leaf in jax.tree.leaves(shapes[name])
        )
        == count
    )


def test_a_file_tells_its_preset_and_goes_there_and_back(tmp_path):
    config = dataclasses.replace(PRESETS["resnet_micro"], num_classes=3)
    state = torch_state(config, np.random.default_rng(1))
    counters = {
        f"{name.rpartition('.')[0]}.num_batches_tracked": np.int64(7)
        for name in state
        if "running_var" in name
    }
    safetensors.numpy.save_file(
        state | {k: np.array(v) for k, v in counters.items()}, tmp_path / "x.safetensors"
    )
    loaded_config, loaded = loading.load(str(tmp_path / "x.safetensors"))

    assert loaded_config == config

    written = torch_params.state_dict_of(loaded, loaded_config)

    assert written.keys() == state.keys() | counters.keys()
    assert all(
        np.array_equal(written[name], value) and written[name].dtype == np.float32
        for name, value in state.items()
    )
    assert {written[name].dtype.name for name in counters} == {"int64"}


def test_names_are_torchvisions():
    names = torch_state(PRESETS["resnet50"], _Zeros()).keys()

    # The head, and each convolution with its batch norm.
    assert len(names) == 2 + 53 * 5
    assert names >= {
        "conv1.weight",
        "bn1.running_var",
        "layer1.0.downsample.0.weight",
        "layer1.0.downsample.1.running_mean",
        "layer3.5.conv3.weight",
        "layer4.2.bn3.bias",
        "fc.bias",
    }


class _Zeros:
    def normal(self, size):
        return np.zeros(size)


def test_convert_makes_a_folder_of_it_and_says_what_it_is(tmp_path, capsys):
    config = dataclasses.replace(PRESETS["resnet_micro"], num_classes=3)
    safetensors.numpy.save_file(
        torch_state(config, np.random.default_rng(1)), tmp_path / "x.safetensors"
    )

    assert (
        cli.call("convert", [str(tmp_path / "x.safetensors"), "--out", str(tmp_path / "folder")])
        == 0
    )
    assert "folder: ResNet, 3 classes, " in capsys.readouterr().out

    loaded_config, loaded = load_converted(tmp_path / "folder")

    assert loaded_config == config
    assert same(loaded, loading.load(str(tmp_path / "x.safetensors"))[1])

    fresh = create(PRESETS["resnet_micro"], jax.random.key(1))[1]
    started = loading.initial_params(str(tmp_path / "folder"), PRESETS["resnet_micro"], fresh)

    # The head has 8 classes instead of 3.
    assert same(started["head"], fresh["head"])
    assert same({**started, "head": None}, {**loaded, "head": None})


def test_torchvisions_call_is_that_of_its_resnet_and_others_are_refused(tmp_path):
    assert loading.torchvision_call(PRESETS["resnet50"]) == (
        "torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [3, 4, 6, 3], "
        "num_classes=1000)"
    )
    with pytest.raises(
        UserError, match="4 stages and a stem of width 64, not 3 and 16; choose a name without"
    ):
        loading.save_torch(tmp_path / "x.safetensors", PRESETS["resnet_micro"], {})
    assert not list(tmp_path.iterdir())


def test_another_kind_of_network_is_refused_and_the_preset_named(tmp_path):
    config = dataclasses.replace(PRESETS["resnet_micro"], num_classes=3)
    state = torch_state(config, _Zeros())
    safetensors.numpy.save_file(state, tmp_path / "x.safetensors")
    save_converted(tmp_path / "folder", TINY, create(TINY, KEY)[1])
    file, folder = str(tmp_path / "x.safetensors"), str(tmp_path / "folder")

    with pytest.raises(
        UserError, match="another kind of network; it fits the preset 'resnet_micro'"
    ):
        loading.load(file, PRESETS["micro"])
    with pytest.raises(
        UserError,
        match=r"stem_width 16 and depths \(1, 1, 1\) and bottleneck False, but the config",
    ):
        loading.load(file, PRESETS["resnet18"])
    with pytest.raises(UserError, match="holds a ResNet, but the config says a Swin"):
        loading.load(folder, PRESETS["micro"])
    with pytest.raises(UserError, match=r"depths is \(1, 1\), but the config says \(1, 1, 1\)"):
        loading.load(folder, PRESETS["resnet_micro"])

    del state["fc.weight"]

    with pytest.raises(
        UserError, match=r"is not a ResNet classifier: it has blocks, but no fc\.weight"
    ):
        recognise.table_of(state, "x.pth")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"depths": ()}, "depths is"),
        ({"depths": (1, 0)}, "depths is"),
        ({"stem_width": 0}, "stem_width is 0"),
        ({"head_dropout": 1.0}, "head_dropout is 1.0"),
        ({"dtype": "float16"}, "dtype is 'float16'"),
    ],
)
def test_impossible_sizes_are_refused(change, words):
    with pytest.raises(UserError, match=words):
        dataclasses.replace(TINY, **change)


@pytest.mark.parametrize("config", [TINY, PRESETS["resnet_micro"], PRESETS["micro2d"]], ids=str)
def test_a_config_tells_the_width_of_the_features(config):
    kernel = torch_params.param_shapes(config)["head"]["kernel"]
    assert kernel.shape == (config.feature_width, config.num_classes)


def test_a_2d_swin_takes_an_image_networks_weights_as_they_are(capsys):
    config = VideoSwinConfig(
        embed_dim=8,
        depths=(2, 1),
        num_heads=(2, 4),
        patch_size=(1, 2, 2),
        window_size=(1, 3, 3),
        num_classes=5,
    )
    reference = np.load(REFERENCE / "image_swin.npz")
    _, loaded = loading.load(str(REFERENCE / "image_swin.safetensors"), config)

    # It is not inflated.
    assert capsys.readouterr().err == ""

    apply, _ = create(config, KEY)
    logits = run(lambda p, v: apply(p, v, None).logits, loaded, reference["image_bhwc"][:, None])

    assert distance(logits, reference["logits"]) < 1e-5
