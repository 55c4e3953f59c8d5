"""The parts of TriDet: sizes, initial weights, blocks, padding, cuts, windows, the grid, NMS."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from albar_jax.downstream.tridet import grid, inference, network, nms, optimizer
from albar_jax.downstream.tridet.backbone import SgpBlock
from albar_jax.downstream.tridet.config import TridetConfig
from albar_jax.downstream.tridet.layers import max_pool
from albar_jax.downstream.tridet.losses import distance_iou, losses
from albar_jax.downstream.tridet.targets import assign
from albar_jax.errors import UserError
from albar_jax.weights.trees import flatten

from .tridet_golden import CLASSES, INPUT, TINY
from .tridet_world import CONFIG

KEY = jax.random.key(0)
FILTERS = ("psi", "conv_w", "conv_kw", "fc", "global_fc")


@pytest.mark.parametrize(("input_width", "count"), [(768, 14_023_524), (2048, 15_989_604)])
def test_the_network_of_thumos_has_as_many_parameters_as_the_original(input_width, count):
    shapes = flatten(network.param_shapes(TridetConfig(), input_width, 20))
    assert sum(math.prod(shape.shape) for shape in shapes.values()) == count


def test_weights_start_as_in_the_original():
    config = dataclasses.replace(TINY, init_conv_vars=0.0)
    params = flatten(network.create(config, INPUT, CLASSES, KEY)[1])
    prior = -math.log(99)
    for path, value in params.items():
        *_, module, leaf = path.split("/")
        if leaf == "kernel" and module in FILTERS:
            assert not value.any(), path
        elif leaf == "kernel":
            bound = 1 / math.sqrt(math.prod(value.shape[:-1]))
            assert 0.9 * bound < np.abs(value).max() <= bound, path
            assert abs(value.mean()) < 0.1 * bound, path
        elif module in ("branch_scale", "mlp_scale"):
            assert (value == np.float32(1e-4)).all(), path
        elif leaf == "scale":
            assert (value == 1).all(), path
        elif path in ("class_head/out/bias", "start_head/out/bias", "end_head/out/bias"):
            np.testing.assert_allclose(value, prior, rtol=1e-6)
        else:
            assert not value.any(), path


def test_live_filters_are_an_option():
    config = dataclasses.replace(TINY, init_conv_vars=0.1)
    params = flatten(network.create(config, INPUT, CLASSES, KEY)[1])
    filters = [v for p, v in params.items() if p.split("/")[-2:] == ["conv_kw", "kernel"]]
    assert np.std(np.concatenate([value.ravel() for value in filters])) == pytest.approx(0.1, 0.1)


def block(stride=1, **changes):
    """Returns a block as a function of (params, x, mask, key), and its initial params."""
    config = dataclasses.replace(TINY, **changes)
    graph, shapes = nnx.split(
        nnx.eval_shape(lambda: nnx.Dict({"0": SgpBlock(config, stride, is_scaled=True)}))
    )
    params = network.random_params(nnx.to_pure_dict(shapes), config.init_conv_vars, KEY)
    return jax.jit(lambda params, *inputs: nnx.merge(graph, params)["0"](*inputs)[0]), params


X = jax.random.normal(KEY, (40, 16, 32))
MASK = jnp.ones((40, 16, 1), bool)


@pytest.mark.parametrize(("init", "is_dead"), [(0.0, True), (0.1, False)])
def test_filters_that_start_at_0_have_no_gradient(init, is_dead):
    apply, params = block(init_conv_vars=init)
    gradients = jax.jit(jax.grad(lambda params: apply(params, X, MASK, None).sum() ** 2))(params)
    for name in FILTERS:
        filters = gradients["0"][name]
        assert is_dead == (not filters["kernel"].any()), name
    assert gradients["0"]["norm"]["bias"].any()


def test_stochastic_depth_drops_the_branches_of_whole_samples():
    apply, params = block(drop_path=0.5)
    params["0"]["branch_scale"]["scale"] = jnp.ones(32)
    params["0"]["mlp_scale"]["scale"] = jnp.zeros(32)
    branch = apply(params, X, MASK, None) - X
    drawn = apply(params, X, MASK, jax.random.key(1)) - X

    ratio = np.asarray(drawn / branch).reshape(40, -1)
    is_kept = np.abs(ratio - 2).max(axis=1) < 1e-3
    assert (is_kept | (np.abs(ratio).max(axis=1) < 1e-3)).all()
    assert 5 < is_kept.sum() < 35


def test_padding_changes_results_so_a_test_is_padded_like_a_training():
    apply, params = network.create(CONFIG, INPUT, CLASSES, KEY)
    rows = np.random.default_rng(0).normal(size=(20, INPUT)).astype(np.float32)
    outputs = []
    for length in (32, 48):
        features, mask = grid.padded(rows, length)
        found = jax.jit(apply, static_argnums=3)(params, features[None], mask[None], None)
        outputs.append(found.classes[0, :20])

    assert np.abs(outputs[0] - outputs[1]).max() > 1e-3
    assert grid.padded_length(1, CONFIG) == grid.padded_length(32, CONFIG) == 32
    stock = TridetConfig()
    assert [grid.padded_length(n, stock) for n in (100, 2304, 2305, 2336, 2337)] == [
        2304,
        2304,
        2336,
        2336,
        2368,
    ]


def test_equal_values_send_the_gradient_of_a_pool_to_the_first():
    gradient = jax.grad(lambda x: max_pool(x).sum())(jnp.ones((1, 6, 1)))
    # Windows begin at -1, 1 and 3.
    assert gradient.ravel().tolist() == [1, 1, 0, 1, 0, 0]
    values = jnp.array([3.0, 1, 2, 5, 4, 6])[None, :, None]
    assert max_pool(values).ravel().tolist() == [3, 5, 6]


def test_a_video_without_segments_has_a_finite_gradient():
    pyramid = network.pyramid_of(TINY, 16)
    empty = assign(np.zeros((0, 2)), np.zeros(0, int), pyramid, TINY, CLASSES)
    shape = (1, pyramid.size)

    def loss(logits):
        outputs = network.TridetOutputs(
            classes=logits,
            starts=logits,
            ends=logits,
            offsets=jnp.zeros((*shape, 2 * (TINY.bins + 1))),
            valid=jnp.ones(shape, bool),
        )
        total, (_, normalizer) = losses(
            outputs, empty.classes[None], empty.offsets[None], jnp.float32(100), TINY
        )
        return total, normalizer

    gradient, normalizer = jax.grad(loss, has_aux=True)(jnp.zeros((*shape, CLASSES)))
    assert np.isfinite(gradient).all()
    # One positive point is counted at least.
    assert float(normalizer) == pytest.approx(90.1)


def test_the_class_loss_pulls_boundaries_towards_a_lower_iou():
    pyramid = network.pyramid_of(TINY, 16)
    targets = assign(np.array([[4.0, 8.0]]), np.array([1]), pyramid, TINY, CLASSES)
    shape = (1, pyramid.size)

    def class_loss(starts):
        outputs = network.TridetOutputs(
            classes=jnp.zeros((*shape, CLASSES)),
            starts=starts,
            ends=jnp.zeros((*shape, CLASSES)),
            offsets=jnp.zeros((*shape, 2 * (TINY.bins + 1))),
            valid=jnp.ones(shape, bool),
        )
        batch = targets.classes[None], targets.offsets[None]
        return losses(outputs, *batch, jnp.float32(100), TINY)[1][0]["loss/class"]

    assert jax.jit(jax.grad(class_loss))(jnp.zeros((*shape, CLASSES))).any()
    pair = jnp.array([1.0, 2.0]), jnp.array([1.0, 2.0])
    assert float(distance_iou(*pair)) == 0


def test_gradients_are_clipped_to_the_norm():
    clip = optimizer.clipped(1.0)
    gradients = {"a": jnp.array([3.0, 4.0])}
    clipped, _ = clip.update(gradients, clip.init(gradients))
    np.testing.assert_allclose(clipped["a"], np.array([3, 4]) / (5 + 1e-6), rtol=1e-6)
    small = {"a": jnp.array([0.3, 0.4])}
    assert np.array_equal(clip.update(small, clip.init(small))[0]["a"], small["a"])


def test_only_weights_of_convolutions_decay():
    params = {"conv": {"kernel": jnp.ones(1), "bias": jnp.ones(1)}, "norm": {"scale": jnp.ones(1)}}
    adamw = optimizer.adamw(np.array([1e-2]), TridetConfig())
    zeros = jax.tree.map(jnp.zeros_like, params)
    updates, _ = adamw.update(zeros, adamw.init(params), params)
    np.testing.assert_allclose(updates["conv"]["kernel"], -1e-2 * 0.025, rtol=1e-5)
    assert not updates["conv"]["bias"].any()
    assert not updates["norm"]["scale"].any()


def cuts(num_rows, segments, *, count=300, **changes):
    config = dataclasses.replace(CONFIG, **changes)
    for seed in range(count):
        yield grid.random_cut(num_rows, segments, config, grid.generator_of(seed))


def test_a_short_video_is_cut_to_90_percent_or_more():
    segments = np.array([[2.0, 6.0]], np.float32)
    lengths, starts = set(), set()
    for rows, cut, kept in cuts(30, segments):
        lengths.add(rows.stop - rows.start)
        starts.add(rows.start)
        assert kept.all()
        inside = np.clip(segments, rows.start, rows.stop) - rows.start
        assert np.array_equal(cut, inside if rows.stop - rows.start < 30 else segments)

    assert lengths == {27, 28, 29, 30}
    assert starts == {0, 1, 2, 3}


def test_a_long_video_is_cut_around_half_of_a_segment():
    segments = np.array([[90.0, 100.0], [10.0, 12.0], [50.0, 50.5]], np.float32)
    for rows, cut, kept in cuts(120, segments):
        assert rows.stop - rows.start == CONFIG.max_seq_len
        assert kept.any()
        lengths = cut[:, 1] - cut[:, 0]
        assert np.array_equal(kept, lengths >= 0.5 * (segments[:, 1] - segments[:, 0]))
        assert cut.min() >= 0
        assert cut.max() <= CONFIG.max_seq_len


def test_the_last_draw_is_taken_if_no_segment_fits():
    # Longer than twice the cut.
    segments = np.array([[0.0, 100.0]], np.float32)
    for _, _, kept in cuts(120, segments, count=3):
        assert not kept.any()


def test_seconds_become_grid_steps_and_return():
    place = grid.Grid(hop=4, frames=16)
    steps = place.steps(np.array([[2.0, 3.5]]), fps=30.0)
    assert steps.tolist() == [[(60 - 8) / 4, (105 - 8) / 4]]
    assert place.seconds(steps, 30.0, 3.0).tolist() == [[2.0, 3.0]]


def test_a_longer_video_is_cut_into_overlapping_windows():
    config = dataclasses.replace(CONFIG, long_videos="windows")
    longest = 6 * 32
    assert grid.windows(longest, config, "a", 4) == [slice(0, longest)]
    for num_rows in (193, 288, 289, 1000):
        windows = grid.windows(num_rows, config, "a", 4)
        assert (windows[0].start, windows[-1].stop) == (0, num_rows)
        for first, second in zip(windows, windows[1:], strict=False):
            assert second.stop - second.start == longest
            assert 0 < second.start - first.start <= longest // 2


@pytest.fixture(scope="module")
def model():
    apply, params = network.create(CONFIG, INPUT, CLASSES, KEY)
    return inference.make_predict(apply, CONFIG), params


def test_short_and_weak_segments_are_left_out(model):
    rows = np.random.default_rng(0).normal(size=(32, INPUT)).astype(np.float32)
    every = inference.candidates_of(*model, rows, [slice(0, 32)], CONFIG)
    lengths = every.segments[:, 1] - every.segments[:, 0]
    for name, values in (("least_length", lengths), ("score_threshold", every.scores)):
        limit = float(np.median(values))
        config = dataclasses.replace(CONFIG, **{name: limit})
        found = inference.candidates_of(*model, rows, [slice(0, 32)], config)
        # Rounding may move a value over the limit.
        assert abs(len(found.scores) - (values > limit).sum()) <= 1, name
        assert 0 < len(found.scores) < len(every.scores), name


def test_segments_of_a_window_are_placed_in_the_whole_video(model):
    predict, params = model
    rows = np.random.default_rng(0).normal(size=(40, INPUT)).astype(np.float32)
    alone = inference.candidates_of(predict, params, rows[8:40], [slice(0, 32)], CONFIG)
    placed = inference.candidates_of(predict, params, rows, [slice(8, 40)], CONFIG)
    assert len(alone.scores)
    np.testing.assert_allclose(placed.segments, alone.segments + 8, atol=1e-5)
    both = inference.candidates_of(predict, params, rows, [slice(0, 32), slice(8, 40)], CONFIG)
    assert len(both.scores) == len(placed.scores) + len(
        inference.candidates_of(predict, params, rows[:32], [slice(0, 32)], CONFIG).scores
    )


def test_a_video_has_at_most_the_allowed_segments_after_nms():
    count = 30
    starts = np.arange(count, dtype=np.float32) * 2
    candidates = nms.Candidates(
        np.stack([starts, starts + 1], axis=1),
        np.linspace(0.9, 0.1, count, dtype=np.float32),
        np.int32([0] * 20 + [1] * 10),
    )
    for kind in ("soft", "hard"):
        best = nms.suppress(candidates, TridetConfig(most_segments=12, nms=kind))
        # The 12 best of class 0 come before class 1.
        assert len(best.scores) == 12
        assert np.array_equal(best.scores, candidates.scores[:12])

    none = nms.suppress(candidates.take(np.zeros(count, bool)), TridetConfig())
    assert none.segments.shape == (0, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"max_seq_len": 2300}, "max_seq_len is 2300, but it has to be divisible by 32"),
        ({"max_seq_len": 0}, "max_seq_len is 0; it has to be from 1 to"),
        ({"epochs": "many"}, "epochs is 'many'; it has to be a whole number"),
        ({"epochs": 2.5}, "epochs is 2.5; it has to be a whole number"),
        ({"weight_decay": float("inf")}, "weight_decay is inf"),
        ({"per_class": 1}, "per_class is 1; it has to be True or False"),
        ({"width": 100}, "width is 100, but it is no multiple of 16"),
        ({"sgp_window": 2}, "sgp_window is 2, but it has to be odd"),
        ({"warmup_epochs": 40}, "warmup_epochs is 40, but it has to be less than epochs"),
        ({"drop_path": 1.0}, "drop_path is 1.0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"cut_from": 0.0}, "cut_from is 0.0"),
        ({"nms_sigma": 0.0}, "nms_sigma is 0.0"),
        ({"nms": "none"}, "nms is 'none'"),
    ],
)
def test_invalid_recipes_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        TridetConfig(**changes)


@pytest.mark.parametrize("flows", [True, False])
def test_gradient_of_the_class_loss_through_the_iou_can_be_stopped(flows):
    """The original's class loss also trains the boundaries, towards a lower IoU."""
    config = dataclasses.replace(TINY, iou_gradient=flows)
    shape = (1, 40, CLASSES)
    targets = jnp.zeros(shape).at[0, 20, 1].set(1.0)
    outputs = network.TridetOutputs(
        classes=jnp.zeros(shape),
        starts=jnp.zeros(shape),
        ends=jnp.zeros(shape),
        offsets=jnp.ones((1, 40, 2 * (TINY.bins + 1))),
        valid=jnp.ones((1, 40), bool),
    )

    def class_loss(offsets):
        changed = dataclasses.replace(outputs, offsets=offsets)
        wanted = jnp.full((1, 40, 2), 2.0)
        _, (metrics, _) = losses(changed, targets, wanted, jnp.float32(100), config)
        return metrics["loss/class"]

    value, gradient = jax.value_and_grad(class_loss)(outputs.offsets)
    assert value > 0
    assert bool(jnp.abs(gradient).max() > 0) == flows


def test_the_large_filter_is_odd_and_the_ranges_double():
    assert TridetConfig().large_window == 11
    assert TridetConfig(sgp_window=3, sgp_factor=1.5).large_window == 7
    # Half to even: 2.5 is 2, then 3.
    assert TridetConfig(sgp_factor=1.25).large_window == 3
    assert TridetConfig().ranges == ((0, 4), (4, 8), (8, 16), (16, 32), (32, 64), (64, 10_000))
