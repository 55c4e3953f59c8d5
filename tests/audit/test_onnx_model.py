"""Claim: an ONNX network is asked as its file and the options describe it."""

import importlib

import numpy as np
import pytest

from albar_jax.audit.models import open_model
from albar_jax.audit.models.base import Sampling
from albar_jax.errors import UserError

pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")
inputs = importlib.import_module("albar_jax.audit.models.onnx_input")
adapter = importlib.import_module("albar_jax.audit.models.onnx")

WEIGHTS = np.random.default_rng(0).normal(0, 3, (3, 4)).astype(np.float32)
CUBE = {"T": 4, "H": 6, "W": 8}


def save(
    path,
    layout="NCTHW",
    batch="n",
    *,
    kind="FLOAT",
    softmax=False,
    sum_to=1,
    outside=False,
    **sizes,
):
    """Writes a network: the mean color times WEIGHTS; with `softmax`, probabilities."""
    helper = onnx.helper
    size_of = {"N": batch, "C": 3, **CUBE, **sizes}
    element = getattr(onnx.TensorProto, kind)
    clip = helper.make_tensor_value_info("clip", element, [size_of[axis] for axis in layout])
    scores = helper.make_tensor_value_info("scores", onnx.TensorProto.FLOAT, [batch, 4])
    axes = [layout.index(axis) for axis in "THW"]
    constants = [
        onnx.numpy_helper.from_array(WEIGHTS, "weights"),
        onnx.numpy_helper.from_array(np.array(axes), "axes"),
        onnx.numpy_helper.from_array(np.array(sum_to, np.float32), "total"),
    ]
    nodes = [
        helper.make_node("Cast", ["clip"], ["pixels"], to=onnx.TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["pixels", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weights"], ["sums" if softmax else "scores"]),
    ]
    if softmax:
        nodes.append(helper.make_node("Softmax", ["sums"], ["probabilities"], axis=1))
        nodes.append(helper.make_node("Mul", ["probabilities", "total"], ["scores"]))
    graph = helper.make_graph(nodes, "g", [clip], [scores], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    settings = {}
    if outside:
        settings = {"save_as_external_data": True, "location": "weights.bin", "size_threshold": 60}
    onnx.save_model(model, path, **settings)
    return path


def clips(count=3):
    """Noise of the size of the input, so that no pixel is scaled."""
    rng = np.random.default_rng(1)
    return [rng.integers(0, 256, (4, 6, 8, 3), dtype=np.uint8) for _ in range(count)]


def by_hand(clip, mean=inputs.MEAN, std=inputs.STD):
    pixels = (clip / 255 - np.array(mean)) / np.array(std)
    scores = pixels.mean((0, 1, 2)) @ WEIGHTS
    weights = np.exp(scores - scores.max())
    return weights / weights.sum()


@pytest.mark.parametrize("layout", inputs.LAYOUTS)
@pytest.mark.parametrize("batch", ["n", 1, 2])
@pytest.mark.parametrize("softmax", [False, True])
def test_answers_are_those_of_a_loop(tmp_path, layout, batch, softmax):
    path = save(tmp_path / "net.onnx", layout, batch, softmax=softmax)
    model = open_model(f"onnx:{path}")
    assert (model.name, model.sampling, model.classes) == ("net", Sampling(4), None)
    for answer, clip in zip(model.answer(clips()), clips(), strict=True):
        assert answer.dtype == np.float32
        np.testing.assert_allclose(answer, by_hand(clip), atol=1e-5)


def test_mean_and_standard_deviation_can_be_chosen(tmp_path):
    path = save(tmp_path / "net.onnx")
    model = open_model(f"onnx:{path}?mean=0.5&std=0.1,0.2,0.5")
    expected = by_hand(clips()[0], 0.5, (0.1, 0.2, 0.5))
    np.testing.assert_allclose(model.answer(clips())[0], expected, atol=1e-5)


def test_bytes_are_not_normalized(tmp_path):
    path = save(tmp_path / "net.onnx", kind="UINT8")
    (answer,) = open_model(f"onnx:{path}").answer(clips(1))
    np.testing.assert_allclose(answer, by_hand(255.0 * clips(1)[0], 0, 1), atol=1e-4)


def test_open_sizes_are_chosen(tmp_path):
    path = save(tmp_path / "net.onnx", T="t", H="h", W="w")
    model = open_model(f"onnx:{path}?frames=2&size=5&stride=3")
    assert model.sampling == Sampling(2, stride=3)
    shape = model._input.prepare([clip[:2] for clip in clips()]).shape
    assert shape == (3, 3, 2, 5, 5)
    with pytest.raises(UserError, match="takes any number of frames; choose it, as in frames=16"):
        open_model(f"onnx:{path}")


def test_clips_are_scaled_to_cover_the_input_and_cropped_in_the_centre(tmp_path):
    path = save(tmp_path / "net.onnx", H=4, W=4)
    model = open_model(f"onnx:{path}?mean=0&std=1")
    clip = np.zeros((4, 8, 16, 3), np.uint8)
    clip[:, :, 4:12] = 255
    batch = model._input.prepare([clip])
    np.testing.assert_array_equal(batch, np.ones((1, 3, 4, 4, 4), np.float32))


def test_files_of_weights_belong_to_the_fingerprint(tmp_path):
    path = save(tmp_path / "net.onnx", outside=True)
    first = open_model(f"onnx:{path}").fingerprint
    assert first == open_model(f"onnx:{path}").fingerprint
    content = bytearray((tmp_path / "weights.bin").read_bytes())
    content[3] ^= 1
    (tmp_path / "weights.bin").write_bytes(content)
    assert open_model(f"onnx:{path}").fingerprint != first
    assert open_model(f"onnx:{path}?mean=0").fingerprint != first
    assert open_model(f"onnx:{path}").keeps_answers


def test_stated_outputs_are_not_guessed(tmp_path):
    path = save(tmp_path / "net.onnx", softmax=True)
    (answer,) = open_model(f"onnx:{path}?outputs=logits").answer(clips(1))
    weights = np.exp(by_hand(clips(1)[0]))
    np.testing.assert_allclose(answer, weights / weights.sum(), atol=1e-5)


def test_rounded_probabilities_are_not_taken_for_logits(tmp_path):
    path = save(tmp_path / "net.onnx", softmax=True, sum_to=0.99)
    (answer,) = open_model(f"onnx:{path}").answer(clips(1))
    np.testing.assert_allclose(answer, 0.99 * by_hand(clips(1)[0]), atol=1e-5)


def test_a_network_of_another_output_is_refused_before_it_is_asked(tmp_path):
    path = save(tmp_path / "net.onnx")
    model = onnx.load(path)
    del model.graph.node[-1:]
    model.graph.output[0].name = "mean"
    model.graph.node[-1].attribute[0].i = 1
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save_model(model, path)
    with pytest.raises(UserError, match=r"the first output of .* has shape \(1, 3, 1, 1, 1\)"):
        open_model(f"onnx:{path}")


@pytest.mark.parametrize(
    ("sizes", "query", "message"),
    [
        ({}, "?frames=8", "frames=8 contradicts .*, which takes 4; leave it out"),
        ({}, "?size=8", "size=8 contradicts .*, which takes 6"),
        ({}, "?layout=NTHWC", "the axes of .* may be .*; name them, as in layout=NCTHW"),
        ({}, "?layout=NHWTC", "layout is 'NHWTC'; it is one of NCTHW"),
        ({"T": 3}, "", "the axes of .*, [?] x 3 x 3 x 6 x 8, may be NCTHW or NTCHW"),
        ({"C": "c", "T": "t", "W": "w"}, "", "may be NCTHW or NTCHW or NTHWC"),
        ({"kind": "INT64"}, "", r"takes tensor\(int64\), not pixels"),
        ({"layout": "NCHW"}, "", "takes an input of 4 axes, [?] x 3 x 6 x 8; a clip has five"),
        ({}, "?device=tpu", "device is 'tpu', which this onnxruntime does not have"),
        ({}, "?outputs=scores", "outputs is 'scores'; it is one of probabilities, logits"),
    ],
)
def test_a_mistake_is_one_sentence(tmp_path, sizes, query, message):
    if sizes.get("layout") == "NCHW":
        path = image_network(tmp_path / "net.onnx")
    else:
        path = save(tmp_path / "net.onnx", **sizes)
    with pytest.raises(UserError, match=message):
        open_model(f"onnx:{path}{query}")


def image_network(path):
    helper = onnx.helper
    element = onnx.TensorProto.FLOAT
    values = [helper.make_tensor_value_info(name, element, ["n", 3, 6, 8]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", values[:1], values[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.save_model(model, path)
    return path


def test_a_file_that_is_no_network_is_refused(tmp_path):
    path = tmp_path / "net.onnx"
    with pytest.raises(UserError, match="there is no file"):
        open_model(f"onnx:{path}")
    path.write_bytes(b"no network")
    with pytest.raises(UserError, match="onnxruntime cannot read .*export it again"):
        open_model(f"onnx:{path}")
