import importlib
import pickle
import sys

import numpy as np
import pytest

from albar_jax.audit.models import open_model
from albar_jax.audit.models.base import Options, Sampling
from albar_jax.errors import UserError

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
torch_network = importlib.import_module("albar_jax.audit.models.torch_network")
adapter = importlib.import_module("albar_jax.audit.models.torchvision")

get_model = torchvision.models.get_model
get_model_weights = torchvision.models.get_model_weights

CLASSES = ("clap", "jump", "run")
# The fewest frames that each network takes.
FRAMES = {"r3d_18": 2, "mc3_18": 2, "r2plus1d_18": 2, "s3d": 14, "swin3d_t": 2, "mvit_v2_s": 16}

SLOW = ("s3d", "mvit_v2_s")


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    path = tmp_path_factory.mktemp("classes") / "classes.txt"
    path.write_text("\n".join(CLASSES))
    return path


def clips(frames, count=1):
    """Noise of two sizes, because an adapter scales the clips."""
    random = np.random.default_rng(0)
    sizes = [(60, 80), (72, 64)][:count]
    return [random.integers(0, 256, (frames, *size, 3), np.uint8) for size in sizes]


def by_hand(module, name, videos):
    """Calls a network with the transforms of its published weights."""
    transforms = get_model_weights(name).DEFAULT.transforms()
    inputs = [transforms(torch.from_numpy(video.copy()).permute(0, 3, 1, 2)) for video in videos]
    with torch.inference_mode():
        return module.eval()(torch.stack(inputs)).softmax(-1).numpy()


@pytest.fixture(scope="module")
def mc3(classes, tmp_path_factory):
    """An mc3_18 with random weights and its file."""
    torch.manual_seed(3)
    module = get_model("mc3_18", num_classes=3)
    path = tmp_path_factory.mktemp("weights") / "mc3.pth"
    torch.save({"model": module.state_dict(), "epoch": 3}, path)
    return module, path


@pytest.mark.parametrize("name", FRAMES)
def test_answers_equal_the_network_called_by_hand_with_its_transforms(name, classes):
    model = open_model(f"torchvision:{name}?weights=random&seed=7&classes={classes}")
    videos = clips(FRAMES[name], 1 if name in SLOW else 2)

    torch.manual_seed(7)
    expected = by_hand(get_model(name, num_classes=3), name, videos)

    answers = model.answer(videos)
    assert np.array_equal(np.stack(answers), expected)
    assert answers[0].dtype == np.float32
    assert model.classes == CLASSES
    # Random weights do not ignore the clip.
    assert len(videos) == 1 or not np.array_equal(answers[0], answers[1])


def test_a_file_of_weights_is_loaded_with_its_number_of_classes(mc3, classes):
    module, path = mc3
    videos = clips(2, 2)
    model = open_model(f"torchvision:mc3_18?weights={path}&frames=2")
    named = open_model(f"torchvision:mc3_18?weights={path}&frames=2&classes={classes}")

    assert np.array_equal(np.stack(model.answer(videos)), by_hand(module, "mc3_18", videos))
    assert model.classes is None
    assert named.classes == CLASSES


def test_safetensors_and_the_prefixes_of_wrappers_are_read(mc3, tmp_path):
    import safetensors.torch

    module, path = mc3
    state = {f"module.{name}": value for name, value in module.state_dict().items()}
    safetensors.torch.save_file(state, tmp_path / "mc3.safetensors")

    one = open_model(f"torchvision:mc3_18?weights={path}")
    other = open_model(f"torchvision:mc3_18?weights={tmp_path / 'mc3.safetensors'}")
    assert one.fingerprint == other.fingerprint


def test_several_devices_share_the_clips_in_order(mc3, monkeypatch):
    _, path = mc3
    videos = [*clips(2, 2), clips(2, 2)[1]]
    alone = open_model(f"torchvision:mc3_18?weights={path}").answer(videos)

    devices = [torch.device("cpu")] * 2
    monkeypatch.setattr(torch_network, "_devices", lambda name: devices)
    shared = open_model(f"torchvision:mc3_18?weights={path}")
    assert np.allclose(shared.answer(videos), alone, atol=1e-6)


def test_a_device_without_a_share_stays_idle(monkeypatch):
    monkeypatch.setattr(torch_network, "_devices", lambda name: [torch.device("cpu")] * 3)

    def fails_without_clips(module, clips):
        return module(clips - clips.max())

    network = torch_network.TorchNetwork(torch.nn.Linear(2, 3), fails_without_clips, Options())
    assert network.probabilities(torch.ones(2, 2)).shape == (2, 3)


def test_bfloat16_gives_nearly_the_same_answers(mc3):
    _, path = mc3
    videos = clips(2)
    exact = open_model(f"torchvision:mc3_18?weights={path}&frames=2")
    rough = open_model(f"torchvision:mc3_18?weights={path}&frames=2&dtype=bfloat16")

    difference = np.abs(exact.answer(videos)[0] - rough.answer(videos)[0]).max()
    assert 0 < difference < 0.05
    assert exact.fingerprint != rough.fingerprint


def test_the_fingerprint_changes_with_weights_and_settings_only(mc3, tmp_path):
    module, path = mc3

    def fingerprint(options, file=path):
        return open_model(f"torchvision:mc3_18?weights={file}{options}").fingerprint

    same = fingerprint("")
    assert fingerprint("&device=cpu&fps=15") == same
    assert fingerprint("&stride=2") != same

    state = {name: value.clone() for name, value in module.state_dict().items()}
    state["fc.bias"][0] += 1e-6
    torch.save(state, tmp_path / "other.pth")
    assert fingerprint("", tmp_path / "other.pth") != same


def test_the_frames_and_rate_are_those_of_the_published_evaluation():
    expected = {
        "r3d_18": Sampling(16, fps=15),
        "mvit_v1_b": Sampling(16, fps=7.5),
        "swin3d_b": Sampling(32, fps=15),
        "s3d": Sampling(128, fps=15),
    }
    for name, sampling in expected.items():
        assert adapter.sampling_of(get_model_weights(name).DEFAULT.meta) == sampling

    for name in torchvision.models.list_models(module=torchvision.models.video):
        for member in get_model_weights(name):
            assert adapter.sampling_of(member.meta).fps, f"{name} states no rate"
            # All weights of an architecture share the transforms that the adapter takes.
            assert repr(member.transforms()) == repr(get_model_weights(name).DEFAULT.transforms())


def test_options_replace_the_frames_and_the_rate():
    own = Sampling(16, fps=15)
    assert torch_network.chosen_sampling(Options(frames=8), own) == Sampling(8, fps=15)
    assert torch_network.chosen_sampling(Options(stride=4), own) == Sampling(16, stride=4)
    assert torch_network.chosen_sampling(Options(fps=5.0), own) == Sampling(16, fps=5)


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_malicious_pickle_is_refused_and_does_not_run(mc3, tmp_path):
    module, _ = mc3
    torch.save({"model": module.state_dict(), "x": Attack(tmp_path / "ran")}, tmp_path / "x.pth")
    with (tmp_path / "y.pth").open("wb") as file:
        pickle.dump(Attack(tmp_path / "ran"), file)

    for name in ("x.pth", "y.pth"):
        with pytest.raises(UserError, match="is refused: it names"):
            open_model(f"torchvision:mc3_18?weights={tmp_path / name}")
    assert not (tmp_path / "ran").exists()


def refused(tmp_path, state, name="mc3_18", options=""):
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(UserError) as error:
        open_model(f"torchvision:{name}?weights={tmp_path / 'x.pth'}{options}")
    return str(error.value)


def test_weights_that_do_not_fit_are_refused_in_one_sentence(mc3, tmp_path, classes):
    module, _ = mc3
    state = module.state_dict()

    assert "no weights head.bias, but stem.0.weight" in refused(tmp_path, state, "swin3d_t")
    assert "mis-shaped" in refused(tmp_path, state, "r3d_18")

    names = tmp_path / "four.txt"
    names.write_text("a\nb\nc\nd\n")
    assert "has 3 outputs, but 4 classes" in refused(tmp_path, state, options=f"&classes={names}")

    without = {name: value for name, value in state.items() if name != "layer1.0.conv1.0.weight"}
    assert "1 missing (layer1.0.conv1.0.weight)" in refused(tmp_path, without)

    broken = {**state, "fc.weight": torch.full_like(state["fc.weight"], torch.nan)}
    assert "not finite" in refused(tmp_path, broken)


def message(spec):
    with pytest.raises(UserError) as error:
        open_model(spec)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_wrong_name_lists_the_near_ones():
    text = message("torchvision:r3d18?weights=random")
    assert "did you mean r3d_18?" in text
    assert "mc3_18, mvit_v1_b, mvit_v2_s" in text

    text = message("torchvision:swin3d_b?weights=KINETICS400")
    assert "KINETICS400_V1, KINETICS400_IMAGENET22K_V1, DEFAULT, random, or a file" in text
    assert "there is no weight file x.pth" in message("torchvision:r3d_18?weights=x.pth")


def test_frames_devices_and_numbers_that_do_not_work_are_refused(mc3):
    _, path = mc3
    start = f"torchvision:mc3_18?weights={path}"
    assert "choose from float32, float16, bfloat16" in message(f"{start}&dtype=int8")
    assert "PyTorch cannot use" in message(f"{start}&device=cuda:77")
    assert "PyTorch cannot use" in message(f"{start}&device=toaster")
    assert "has no effect" in message(f"{start}&seed=1")
    assert "does not take clips of 4 frames" in message("torchvision:s3d?weights=random&frames=4")


def test_a_torchvision_that_does_not_fit_pytorch_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setattr("albar_jax.audit.models._check_packages", lambda *_: None)
    assert "install both together" in message("torchvision:r3d_18?weights=random")


def test_published_weights_come_from_the_cache_with_their_classes(mc3, monkeypatch, tmp_path):
    _, path = mc3
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    file = folder / get_model_weights("mc3_18").DEFAULT.url.rpartition("/")[-1]
    file.write_bytes(path.read_bytes())
    assert "is damaged: its SHA-256" in message("torchvision:mc3_18")

    # A file with the name of published weights has the 400 classes of Kinetics.
    text = message(f"torchvision:mc3_18?weights={file}")
    assert "has 3 outputs, but 400 classes" in text
