"""TriDet against the values of the original modules, at one tolerance."""

import dataclasses
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from albar_jax.downstream.tridet import grid, inference, losses, network, nms, optimizer, targets
from albar_jax.downstream.tridet.backbone import SgpBlock
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.decoding import decode
from albar_jax.downstream.tridet.weight_names import TRIDET, params_of
from albar_jax.weights.state_dicts import from_state_dict, to_state_dict
from albar_jax.weights.trees import flatten

from .tridet_golden import CLASSES, INPUT, TINY, TOLERANCE, distance, golden, weights

PYRAMID = network.pyramid_of(TINY, 64)


@pytest.fixture(scope="module")
def params():
    return params_of(weights("model/w/"), TINY, INPUT, CLASSES, "golden")


@pytest.fixture(scope="module")
def apply():
    return network.create(TINY, INPUT, CLASSES, jax.random.key(0))[0]


@pytest.fixture(scope="module")
def batch():
    """Two padded videos with their targets, made by the functions of the training."""
    samples = []
    for video in "01":
        features, mask = grid.padded(golden()[f"model/feats{video}"].T, 64)
        segments, labels = (golden()[f"model/{kind}{video}"] for kind in ("segments", "labels"))
        samples.append((features, mask, *targets.assign(segments, labels, PYRAMID, TINY, CLASSES)))

    features, mask, classes, offsets = map(np.stack, zip(*samples, strict=True))
    return SimpleNamespace(features=features, mask=mask, classes=classes, offsets=offsets)


@pytest.fixture(scope="module")
def trained(apply, params, batch):
    """Outputs, decoded distances, loss terms and gradients of one pass."""

    def loss(params):
        outputs = apply(params, batch.features, batch.mask, jax.random.key(0))
        total, terms = losses.losses(outputs, batch.classes, batch.offsets, jnp.float32(100), TINY)
        return total, (outputs, decode(outputs, TINY.bins), terms)

    adamw = optimizer.adamw(np.array([1e-4]), TINY)

    @jax.jit
    def step(params):
        gradients, aux = jax.grad(loss, has_aux=True)(params)
        updates, _ = adamw.update(gradients, adamw.init(params), params)
        return gradients, optax.tree.norm(gradients), optax.apply_updates(params, updates), aux

    gradients, norm, new_params, (outputs, decoded, (metrics, normalizer)) = step(params)
    return SimpleNamespace(
        gradients=gradients,
        norm=norm,
        new_params=new_params,
        outputs=outputs,
        decoded=decoded,
        metrics=metrics,
        normalizer=normalizer,
    )


@pytest.mark.parametrize(
    ("tag", "window", "factor", "stride"),
    [("w1k5s1", 1, 5, 1), ("w1k5s2", 1, 5, 2), ("w3k15s2", 3, 1.5, 2)],
)
def test_a_block_gives_the_same(tag, window, factor, stride):
    config = dataclasses.replace(TINY, sgp_window=window, sgp_factor=factor)
    graph, template = nnx.split(
        nnx.eval_shape(lambda: nnx.Dict({"0": SgpBlock(config, stride, is_scaled=True)}))
    )
    state = {f"backbone.branch.0.{name}": value for name, value in weights(f"sgp_{tag}/w/").items()}
    tree = {"backbone": {"branch": nnx.to_pure_dict(template)}}
    block = from_state_dict(state, TRIDET, tree, tag)["backbone"]["branch"]

    x = golden()[f"sgp_{tag}/x"].transpose(0, 2, 1)
    mask = golden()[f"sgp_{tag}/mask"].transpose(0, 2, 1)
    y, new_mask = jax.jit(lambda block: nnx.merge(graph, block)["0"](x, mask, None))(block)

    assert distance(y, golden()[f"sgp_{tag}/y"].transpose(0, 2, 1)) < TOLERANCE
    assert np.array_equal(new_mask, golden()[f"sgp_{tag}/ymask"].transpose(0, 2, 1))


def test_heads_give_the_same_at_each_level(trained):
    for level, span in enumerate(PYRAMID.spans):
        outputs = jax.tree.map(lambda array, span=span: array[:, span], trained.outputs)
        values = {
            kind: golden()[f"model/train_{kind}{level}"]
            for kind in ("mask", "cls", "off", "start", "end")
        }
        assert np.array_equal(outputs.valid, values["mask"])
        assert distance(outputs.classes, values["cls"]) < TOLERANCE
        assert distance(outputs.offsets, values["off"]) < TOLERANCE
        assert distance(outputs.starts, values["start"].transpose(0, 2, 1)) < TOLERANCE
        assert distance(outputs.ends, values["end"].transpose(0, 2, 1)) < TOLERANCE


def test_targets_are_the_same(batch):
    points = PYRAMID.is_point
    classes = golden()["model/gt_cls"]
    assert np.array_equal(batch.classes[:, points], classes)

    # The original gives points without a class the offsets of any segment.
    is_positive = classes.any(axis=-1)
    wanted = golden()["model/gt_offsets"][is_positive]
    assert distance(batch.offsets[:, points][is_positive], wanted) < TOLERANCE
    assert not batch.offsets[:, points][~is_positive].any()
    # Two labels of the same segment are both set.
    assert (classes.sum(axis=-1) == 2).any()


def test_decoded_distances_are_the_same(trained):
    decoded = trained.decoded[:, PYRAMID.is_point]
    assert distance(decoded, golden()["model/decoded"]) < TOLERANCE


def test_losses_and_normaliser_are_the_same(trained):
    for ours, theirs in (("class", "cls_loss"), ("offset", "reg_loss"), ("total", "final_loss")):
        assert distance(trained.metrics[f"loss/{ours}"], golden()[f"model/{theirs}"]) < TOLERANCE
    assert distance(trained.normalizer, golden()["model/loss_normalizer"]) < TOLERANCE


def test_gradients_are_the_same(trained):
    gradients = to_state_dict(trained.gradients, TRIDET)
    theirs = weights("model/g/")
    assert gradients.keys() == theirs.keys()
    worst = max(theirs, key=lambda name: distance(gradients[name], theirs[name]))
    assert distance(gradients[worst], theirs[worst]) < TOLERANCE, worst

    assert distance(trained.norm, golden()["model/grad_norm"]) < TOLERANCE


def test_a_step_of_adamw_gives_the_same_weights(trained, params):
    before = to_state_dict(params, TRIDET)
    after = to_state_dict(trained.new_params, TRIDET)

    for name, wanted in weights("model/w1/").items():
        change = np.float64(after[name]) - before[name]
        # The change is 1e-4, which float32 resolves to 1e-3 where weights are about 1.
        assert distance(change, np.float64(wanted) - before[name]) < 2e-3, name
        assert distance(after[name], wanted) < TOLERANCE / 100, name


def test_the_same_weights_do_not_decay(params):
    decays = flatten(optimizer.is_decayed(params))
    exempt = {TRIDET.torch_name(path) for path, value in decays.items() if not value}
    assert exempt == set(golden()["model/no_decay"])


def test_learning_rates_are_the_same():
    config = TridetConfig(epochs=20, warmup_epochs=10)
    rates = optimizer.learning_rates(config, steps_per_epoch=1)
    np.testing.assert_allclose(rates, golden()["lr/warmup10_total20"], rtol=1e-12)


def test_single_losses_are_the_same():
    values = weights("loss/")
    pair = values["pred"], values["target"]
    assert distance(losses.one_minus_iou(*pair), values["one_minus_iou"]) < TOLERANCE
    assert distance(losses.distance_iou(*pair), values["diou"]) < TOLERANCE
    assert distance(losses.focal_loss(values["focal_x"], values["focal_t"]), values["focal"]) < (
        TOLERANCE
    )


@pytest.fixture(scope="module")
def predict(apply):
    return inference.make_predict(apply, TINY)


def same_segments(ours, prefix):
    """Compares segments by falling score; both have no equal scores."""
    values = {name: golden()[prefix + name] for name in ("segments", "scores", "labels")}
    first = ours.take(np.argsort(-ours.scores))
    order = np.argsort(-values["scores"])
    assert distance(first.scores, values["scores"][order]) < TOLERANCE
    assert distance(first.segments, values["segments"][order]) < TOLERANCE
    assert np.array_equal(first.labels, values["labels"][order])


def in_seconds(candidates):
    best = nms.suppress(candidates, TINY)
    seconds = grid.Grid(hop=4, frames=16).seconds(best.segments, fps=30, duration=7.5)
    return dataclasses.replace(best, segments=seconds)


def test_segments_of_a_video_are_the_same_before_and_after_nms(predict, params):
    rows = golden()["model/feats0"].T
    candidates = inference.candidates_of(predict, params, rows, [slice(0, 50)], TINY)
    same_segments(candidates, "infer/pre_")
    same_segments(in_seconds(candidates), "infer/")


def test_segments_of_a_long_video_are_the_same(predict, params):
    first, second = (golden()[f"model/feats{video}"].T for video in "01")
    rows = np.concatenate([first, second, first[:3]])
    assert grid.padded_length(len(rows), TINY) == 92
    windows = grid.windows(len(rows), TINY, "long", hop=4)
    candidates = inference.candidates_of(predict, params, rows, windows, TINY)
    same_segments(in_seconds(candidates), "infer/long_")


@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("soft_multi", {}),
        ("hard_multi", {"nms": "hard"}),
        ("soft_agnostic_vote", {"per_class": False}),
        ("soft_multi_top4", {"most_segments": 4}),
    ],
)
def test_nms_is_the_same(tag, changes):
    candidates = nms.Candidates(*(golden()[f"nms/{n}"] for n in ("segments", "scores", "labels")))
    best = nms.suppress(candidates, TridetConfig(**changes))
    for name in ("segments", "scores", "labels"):
        assert distance(getattr(best, name), golden()[f"nms/{tag}/{name}"]) < TOLERANCE


def test_all_weights_return_bit_for_bit(params):
    state = to_state_dict(params, TRIDET)
    assert state.keys() == weights("model/w/").keys()
    for name, value in weights("model/w/").items():
        assert np.array_equal(state[name], value), name
        assert state[name].shape == value.shape, name
