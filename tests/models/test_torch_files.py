import argparse
import errno
import hashlib
import os
import pickle
import sys

import numpy as np
import pytest
import safetensors
import safetensors.numpy

from albar_jax.errors import UserError
from albar_jax.storage import inert_pickle
from albar_jax.weights import torch_files, torch_hub

STATE = {"head.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}


def test_safetensors_of_half_precision_are_read_as_float32(tmp_path):
    safetensors.numpy.save_file(
        {"head.weight": STATE["head.weight"].astype(np.float16)}, tmp_path / "x.safetensors"
    )
    state = torch_files.read_state_dict(tmp_path / "x.safetensors")

    assert state["head.weight"].dtype == np.float32
    assert np.array_equal(state["head.weight"], STATE["head.weight"])


def test_damaged_safetensors_are_refused_in_one_sentence(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"junk" * 10)
    with pytest.raises(UserError, match=r"not a readable \.safetensors file"):
        torch_files.read_state_dict(tmp_path / "x.safetensors")


def test_a_missing_file_and_another_ending_are_told_apart(tmp_path):
    with pytest.raises(UserError, match="there is no weight file"):
        torch_files.read_state_dict(tmp_path / "x.pth")

    (tmp_path / "x.onnx").touch()

    with pytest.raises(UserError, match=r"does not end in \.pth, \.pt, \.safetensors"):
        torch_files.read_state_dict(tmp_path / "x.onnx")


def test_an_unknown_hub_model_is_refused():
    with pytest.raises(UserError, match="choose from swin3d_t, swin3d_s, swin3d_b, swin_t"):
        torch_hub.hub_url("resnet34")


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(
        {"head.weight": torch.zeros(2), "attack": Attack(tmp_path / "touched")}, tmp_path / "x.pth"
    )
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Attack(tmp_path / "touched"), protocol=2))

    for name in ("x.pth", "plain.pt"):
        with pytest.raises(UserError, match="is refused: it names"):
            torch_files.read_state_dict(tmp_path / name)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize("legacy", [False, True])
def test_a_state_dict_is_read_plain_and_in_the_wrappers_of_the_releases(tmp_path, legacy):
    torch = pytest.importorskip("torch")
    state = {name: torch.from_numpy(value) for name, value in STATE.items()}
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(2))])

    for content in (
        state,
        # The official files and mmaction2's.
        {"meta": {"epoch": 30, "config": "x"}, "state_dict": state},
        # A snapshot of ALBAR's code.
        {"epoch": 3, "model_state_dict": state, "optimizer": optimizer.state_dict()},
        # Swin-Transformer's files.
        {"model": state},
    ):
        torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=not legacy)
        assert np.array_equal(
            torch_files.read_state_dict(tmp_path / "x.pth")["head.weight"], STATE["head.weight"]
        )


def test_prefixes_of_wrapped_models_are_taken_away_if_all_names_have_them(tmp_path):
    for prefix in ("module.", "_orig_mod.", "model.", "model._orig_mod.module."):
        state = {prefix + name: STATE["head.weight"] for name in ("head.weight", "module.weight")}
        safetensors.numpy.save_file(state, tmp_path / "x.safetensors")
        assert torch_files.read_state_dict(tmp_path / "x.safetensors").keys() == {
            "head.weight",
            "module.weight",
        }


def test_a_file_with_records_of_its_training_is_read_without_its_packages(tmp_path):
    torch = pytest.importorskip("torch")
    path = tmp_path / """it's 1" of $HOME.pth"""
    state = {"head.weight": torch.zeros(2)}
    records = {"message_hub": {"loss": np.float64(0.5)}, "args": argparse.Namespace(lr=0.1)}
    module = torch.nn.Sequential(torch.nn.Linear(1, 1))
    wrapped = [
        ({key: state} | records, {"head.weight"})
        for key in ("state_dict", "model_state_dict", "model")
    ]

    for content, names in (
        *wrapped,
        (state | records, {"head.weight"}),
        ({"model": module} | records, {"0.weight", "0.bias"}),
        (module, {"0.weight", "0.bias"}),
    ):
        torch.save(content, path)
        assert torch_files.read_state_dict(path).keys() == names


def test_a_file_of_an_optimizer_alone_is_refused_by_its_keys(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"optimizer": {"state": {}}, "epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(UserError, match="holds no state dict, .*: its keys are optimizer, epoch"):
        torch_files.read_state_dict(tmp_path / "x.pth")


def test_what_is_written_is_read_back_and_all_may_read_it(tmp_path):
    torch_files.write_state_dict(tmp_path / "new" / "x.safetensors", STATE)

    assert np.array_equal(
        torch_files.read_state_dict(tmp_path / "new" / "x.safetensors")["head.weight"],
        STATE["head.weight"],
    )
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.safetensors"]

    (tmp_path / "plain").touch()

    assert (tmp_path / "new" / "x.safetensors").stat().st_mode == (
        tmp_path / "plain"
    ).stat().st_mode


def test_a_failed_write_leaves_nothing_behind(tmp_path, monkeypatch):
    with pytest.raises(UserError, match="does not end in"):
        torch_files.write_state_dict(tmp_path / "x.onnx", STATE)

    monkeypatch.setitem(sys.modules, "torch", None)

    with pytest.raises(
        UserError, match=r"needs PyTorch: .* or choose a name that ends in \.safetensors"
    ):
        torch_files.write_state_dict(tmp_path / "x.pth", STATE)

    def full_disk(*_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full_disk)

    with pytest.raises(OSError, match="No space left"):
        torch_files.write_state_dict(tmp_path / "x.safetensors", STATE)
    assert not list(tmp_path.iterdir())


def test_a_damaged_pth_and_one_without_tensors_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": 1}, tmp_path / "number.pth")

    with pytest.raises(UserError, match="no state dict"):
        torch_files.read_state_dict(tmp_path / "number.pth")

    torch.save({"a": torch.zeros(1000)}, tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:600])
    (tmp_path / "empty.pth").touch()
    (tmp_path / "junk.pth").write_bytes(b"junk" * 100)

    for name, words in (
        ("cut.pth", "cut off"),
        ("empty.pth", "empty"),
        ("junk.pth", "another kind"),
    ):
        with pytest.raises(UserError, match=words):
            torch_files.read_state_dict(tmp_path / name)


def test_an_end_of_a_pth_that_is_cut_off_is_not_taken_for_the_disks_fault(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save({"a": torch.zeros(1000)}, tmp_path / "x.pth")
    (tmp_path / "x.pth").write_bytes((tmp_path / "x.pth").read_bytes()[:-1])

    with pytest.raises(UserError, match="not a readable PyTorch file: it is empty, cut off"):
        torch_files.read_state_dict(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["x.pth", "x.safetensors"])
@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EIO, "Input/output error"), "cannot be read: Input/output error"),
        (MemoryError(), "into memory"),
    ],
)
def test_a_bad_disk_and_too_little_memory_are_not_said_to_be_a_damaged_file(
    tmp_path, monkeypatch, name, error, words
):
    safetensors.numpy.save_file(STATE, tmp_path / "x.safetensors")
    (tmp_path / "x.pth").write_bytes(pickle.dumps(STATE))

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(inert_pickle.Reader, "find_class", fail)
    monkeypatch.setattr(safetensors, "deserialize", fail)

    with pytest.raises(UserError, match=f"{name} .*{words}"):
        torch_files.read_state_dict(tmp_path / name)


def test_a_file_is_known_by_its_content_not_by_its_ending(tmp_path):
    safetensors.numpy.save_file(STATE, tmp_path / "x.safetensors")
    (tmp_path / "x.safetensors").rename(tmp_path / "x.pth")

    assert np.array_equal(
        torch_files.read_state_dict(tmp_path / "x.pth")["head.weight"], STATE["head.weight"]
    )


def test_parameters_of_a_module_are_read_and_tensors_that_are_no_arrays_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    torch.save(dict(torch.nn.Linear(3, 2).named_parameters()), tmp_path / "x.pth")

    assert torch_files.read_state_dict(tmp_path / "x.pth")["weight"].shape == (2, 3)
    for tensor in (torch.eye(3).to_sparse(), torch.empty(3, device="meta")):
        torch.save({"head.weight": tensor}, tmp_path / "x.pth")
        with pytest.raises(
            UserError, match=r"head\.weight of .*x\.pth is not a plain, dense tensor \(.*\)$"
        ):
            torch_files.read_state_dict(tmp_path / "x.pth")


def test_hub_file_is_downloaded_once_and_its_hash_is_checked_each_time(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "cache"))
    torch.save({"head.weight": torch.zeros(2)}, tmp_path / "x.pth")
    digits = hashlib.sha256((tmp_path / "x.pth").read_bytes()).hexdigest()[:8]
    published = (tmp_path / "x.pth").rename(tmp_path / f"swin-{digits}.pth")
    cached = torch_hub.hub_file(published.as_uri())

    assert cached.is_relative_to(tmp_path / "cache")

    published.unlink()

    assert torch_hub.hub_file(published.as_uri()) == cached

    cached.write_bytes(b"damaged")

    with pytest.raises(UserError, match=f"does not start with {digits}"):
        torch_hub.hub_file(published.as_uri())

    cached.unlink()

    with pytest.raises(UserError, match="cannot be downloaded"):
        torch_hub.hub_file(published.as_uri())

    published.with_name("swin-00000000.pth").write_bytes(b"other")

    with pytest.raises(UserError, match="was damaged during the download"):
        torch_hub.hub_file(published.with_name("swin-00000000.pth").as_uri())


def test_hub_models_are_those_that_torchvision_publishes():
    pytest.importorskip("torchvision")

    for name in torch_hub.HUB_MODELS:
        assert torch_hub.hub_url(name).startswith(f"https://download.pytorch.org/models/{name}")

    # The first of two releases.
    assert torch_hub.hub_url("resnet50").endswith("/resnet50-0676ba61.pth")
