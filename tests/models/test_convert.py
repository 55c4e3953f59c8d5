import dataclasses
import json
import subprocess
import sys

import jax
import numpy as np
import pytest
import safetensors.numpy

from albar_jax import cli
from albar_jax.models import PRESETS, create
from albar_jax.weights import loading, torch_files
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.weights.name_tables import MMACTION2

from .conftest import REFERENCE, same, state_dict

MICRO = dataclasses.replace(PRESETS["micro"], num_classes=11)


@pytest.fixture(scope="module")
def micro():
    return jax.tree.map(np.asarray, create(MICRO, jax.random.key(0))[1])


def test_the_command_converts_a_file_and_says_what_it_wrote(micro, tmp_path, capsys):
    safetensors.numpy.save_file(state_dict(micro, MICRO, MMACTION2), tmp_path / "micro.safetensors")
    out = tmp_path / "out" / "micro"

    assert cli.call("convert", [str(tmp_path / "micro.safetensors"), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}: Video Swin, 11 classes, 325,049 parameters.\n"
    assert json.loads((out / "model.json").read_text())["embed_dim"] == 48

    config, params = load_converted(out)

    assert config == MICRO
    assert same(params, micro)


def test_to_torch_writes_torchvisions_names_from_a_directory_and_from_a_file(
    micro, tmp_path, capsys
):
    save_converted(tmp_path / "micro", MICRO, micro)
    first, second = tmp_path / "new" / "first.safetensors", tmp_path / "second.safetensors"

    assert cli.call("convert", ["--to-torch", str(tmp_path / "micro"), "--out", str(first)]) == 0

    printed = capsys.readouterr().out

    assert (
        "It fits torchvision.models.video.SwinTransformer3d(patch_size=[2, 8, 8], embed_dim=48, "
        in printed
    )
    assert cli.call("convert", [str(first), "--to-torch", "--out", str(second)]) == 0
    assert first.read_bytes() == second.read_bytes()

    state = torch_files.read_state_dict(first)

    assert all(
        np.array_equal(state[name], value) for name, value in state_dict(micro, MICRO).items()
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "micro",
        "new",
        "second.safetensors",
    ]


def test_torchvision_loads_strictly_what_to_torch_writes_and_answers_the_same(tiny_a, tmp_path):
    torch = pytest.importorskip("torch")
    torchvision = pytest.importorskip("torchvision")
    import safetensors.torch

    for name in ("x.pth", "x.safetensors"):
        loading.save_torch(tmp_path / name, tiny_a.config, tiny_a.params)

    model = eval(loading.torchvision_call(tiny_a.config), {"torchvision": torchvision}).eval()
    video = torch.from_numpy(tiny_a.values["video_bthwc"]).permute(0, 4, 1, 2, 3)

    for state in (
        torch.load(tmp_path / "x.pth"),
        safetensors.torch.load_file(tmp_path / "x.safetensors"),
    ):
        for value in model.state_dict().values():
            value.zero_()
        model.load_state_dict(state, strict=True)
        with torch.no_grad():
            logits = model(video).numpy()
        assert np.abs(logits - tiny_a.values["logits"]).max() < 1e-5
        assert {name: value.dtype for name, value in state.items()} == {
            name: value.dtype for name, value in model.state_dict().items()
        }


def test_to_torch_never_overwrites(micro, tmp_path, capsys):
    save_converted(tmp_path / "micro", MICRO, micro)
    (tmp_path / "x.safetensors").write_text("precious")

    assert (
        cli.call(
            "convert",
            ["--to-torch", str(tmp_path / "micro"), "--out", str(tmp_path / "x.safetensors")],
        )
        == 2
    )
    assert "already exists; delete it or choose another name" in capsys.readouterr().err
    assert (tmp_path / "x.safetensors").read_text() == "precious"


def test_a_mistake_is_one_sentence_and_status_2(tmp_path):
    source = REFERENCE / "tiny_a.safetensors"
    command = [sys.executable, "-m", "albar_jax", "convert", source, "--out", tmp_path / "x"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "which is none of tiny, small, base, micro" in done.stderr
    assert not list(tmp_path.iterdir())
