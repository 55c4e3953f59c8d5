import importlib
import json
import pickle
import shutil
import sys

import numpy as np
import pytest

from albar_jax.audit.models import open_model
from albar_jax.audit.models.base import Sampling
from albar_jax.errors import UserError

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
adapter = importlib.import_module("albar_jax.audit.models.hf")
hf_files = importlib.import_module("albar_jax.audit.models.hf_files")

CLASSES = ("brush hair", "cartwheel", "Catch")
TINY = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
VIT = {**TINY, "image_size": 32, "intermediate_size": 32, "num_frames": 4}
VJEPA2 = {
    **TINY,
    "hidden_size": 24,
    "crop_size": 32,
    "frames_per_clip": 4,
    "num_pooler_layers": 1,
    "pred_hidden_size": 24,
    "pred_num_attention_heads": 2,
    "pred_num_hidden_layers": 1,
}
CROP = {"height": 32, "width": 32}
# Each architecture with its tiny config, and the arguments of its processor.
FAMILIES = {
    "VideoMAE": (VIT, {"size": {"shortest_edge": 32}, "crop_size": CROP}),
    "Timesformer": (VIT, {"size": {"shortest_edge": 36}, "crop_size": CROP}),
    "Vivit": (VIT, {"size": {"shortest_edge": 40}, "crop_size": CROP}),
    "VJEPA2": (VJEPA2, {"crop_size": CROP}),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder with a model of random weights and its processor, for each family."""
    transformers.logging.disable_progress_bar()
    made = {}
    for family, (settings, processing) in FAMILIES.items():
        folder = tmp_path_factory.mktemp(family)
        names = dict(enumerate(CLASSES))
        config = getattr(transformers, f"{family}Config")(
            **settings, id2label=names, label2id={name: number for number, name in names.items()}
        )
        torch.manual_seed(0)
        # Larger weights than usual, so that answers differ.
        config.initializer_range = 0.5
        model = transformers.AutoModelForVideoClassification.from_config(config)
        model.save_pretrained(folder)
        getattr(transformers, f"{family}VideoProcessor")(**processing).save_pretrained(folder)
        made[family] = folder
    return made


@pytest.fixture
def videomae(folders, tmp_path):
    """A copy of the VideoMAE's folder, which a test may change."""
    return shutil.copytree(folders["VideoMAE"], tmp_path / "my-videomae")


def clips():
    random = np.random.default_rng(0)
    sizes = [(60, 80), (72, 48)]
    return [random.integers(0, 256, (4, *size, 3), np.uint8) for size in sizes]


def by_hand(folder, videos):
    model = transformers.AutoModelForVideoClassification.from_pretrained(folder)
    processor = transformers.AutoVideoProcessor.from_pretrained(folder)
    inputs = processor([list(video) for video in videos], return_tensors="pt")
    with torch.inference_mode():
        return model.eval()(**inputs).logits.softmax(-1).numpy()


@pytest.mark.parametrize("family", FAMILIES)
def test_answers_equal_the_model_called_by_hand_with_its_processor(family, folders):
    model = open_model(f"hf:{folders[family]}")
    answers = model.answer(clips())

    assert np.array_equal(np.stack(answers), by_hand(folders[family], clips()))
    assert np.abs(answers[0] - answers[1]).max() > 1e-4
    assert model.classes == CLASSES
    assert model.sampling.num_frames == 4
    assert model.name == folders[family].name


def test_the_older_files_of_an_image_processor_are_read(videomae):
    (videomae / "video_preprocessor_config.json").unlink()
    old = {"image_processor_type": "VideoMAEImageProcessor", "image_mean": [0.2, 0.3, 0.4]}
    content = {**old, "size": {"shortest_edge": 32}, "crop_size": CROP}
    (videomae / "preprocessor_config.json").write_text(json.dumps(content))

    answers = open_model(f"hf:{videomae}").answer(clips())
    assert np.array_equal(np.stack(answers), by_hand(videomae, clips()))


def test_a_file_of_pickled_tensors_is_read_without_unpickling(videomae, monkeypatch):
    expected = open_model(f"hf:{videomae}")
    from safetensors.torch import load_file

    torch.save(load_file(videomae / "model.safetensors"), videomae / "pytorch_model.bin")
    (videomae / "model.safetensors").unlink()

    def refuse(*_, **__):
        raise AssertionError("the file was unpickled")

    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    assert open_model(f"hf:{videomae}").fingerprint == expected.fingerprint


class Attack:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_malicious_pickle_is_refused_and_does_not_run(videomae, tmp_path):
    (videomae / "model.safetensors").unlink()
    torch.save({"x": Attack(tmp_path / "ran")}, videomae / "pytorch_model.bin")
    assert "is refused: it names" in message(f"hf:{videomae}")
    assert not (tmp_path / "ran").exists()


def test_every_field_of_a_config_that_changes_answers_is_in_the_fingerprint(videomae):
    before = open_model(f"hf:{videomae}")
    changed(videomae, id2label=dict(enumerate("abc")))
    assert open_model(f"hf:{videomae}").fingerprint == before.fingerprint

    # The weights stay as they are.
    changed(videomae, num_attention_heads=4)
    after = open_model(f"hf:{videomae}")
    assert np.abs(after.answer(clips())[0] - before.answer(clips())[0]).max() > 1e-4
    assert after.fingerprint != before.fingerprint


def changed(folder, **fields):
    """Changes fields of the config of a folder."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def test_code_that_a_config_names_is_not_run(videomae, tmp_path):
    expected = open_model(f"hf:{videomae}").answer(clips())
    code = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    (videomae / "evil.py").write_text(code + "class Config: pass\n")
    torch.save({"x": Attack(tmp_path / "ran")}, videomae / "other.bin")
    changed(
        videomae,
        auto_map={"AutoConfig": "evil.Config", "AutoModelForVideoClassification": "evil.Config"},
        attn_implementation="evil/kernel",
        _attn_implementation="evil/kernel",
        transformers_weights="other.bin",
    )
    processor = videomae / "video_preprocessor_config.json"
    content = json.loads(processor.read_text())
    content["auto_map"] = {"AutoVideoProcessor": "evil.Config"}
    processor.write_text(json.dumps(content))

    model = open_model(f"hf:{videomae}")
    assert np.array_equal(model.answer(clips()), expected)
    assert model._network._copies[0][0].config._attn_implementation in ("sdpa", "eager")
    assert not (tmp_path / "ran").exists()


def message(spec):
    with pytest.raises(UserError) as error:
        open_model(spec)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_folders_that_hold_no_video_classifier_are_refused(videomae, tmp_path):
    assert "there is no folder ./nothing" in message("hf:./nothing")
    assert "has no revision" in message(f"hf:{videomae}?revision=main")

    (tmp_path / "empty").mkdir()
    assert "give the folder of `save_pretrained`" in message(f"hf:{tmp_path / 'empty'}")

    (videomae / "video_preprocessor_config.json").unlink()
    assert "processor.save_pretrained(FOLDER)" in message(f"hf:{videomae}")

    (videomae / "model.safetensors").unlink()
    assert "has no weights; it needs model.safetensors" in message(f"hf:{videomae}")

    changed(videomae, num_labels=3, problem_type="multi_label_classification")
    assert "another problem than one class" in message(f"hf:{videomae}")

    changed(videomae, model_type="videomea")
    text = message(f"hf:{videomae}")
    assert "'videomea', not a video classifier" in text
    assert "timesformer, videomae" in text
    assert text.endswith("did you mean videomae?")


def test_weights_that_lack_a_classifier_are_refused(videomae):
    from safetensors.torch import load_file, save_file

    path = videomae / "model.safetensors"
    state = load_file(path)
    state["classifier.bias"][0] = torch.nan
    save_file(state, path)
    assert "not finite" in message(f"hf:{videomae}")

    save_file({name: value for name, value in state.items() if "classifier" not in name}, path)
    text = message(f"hf:{videomae}")
    assert "lacks 2 weights of the classifier (classifier.bias, classifier.weight)" in text

    path.write_bytes(b"junk" * 10)
    assert "not a readable .safetensors file" in message(f"hf:{videomae}")


def test_a_config_that_does_not_fit_the_weights_is_refused(videomae):
    changed(videomae, hidden_size=32)
    assert "does not fit config.json" in message(f"hf:{videomae}")

    changed(videomae, hidden_size="wide")
    assert "is not a config of videomae" in message(f"hf:{videomae}")


def test_impossible_configs_and_processors_are_refused_before_the_work(folders, tmp_path):
    for number, (file, field, value, words) in enumerate(
        [
            ("config.json", "hidden_size", 10**9, "at most 131,072 is allowed"),
            ("config.json", "num_hidden_layers", 10**6, "at most 1,024 is allowed"),
            ("config.json", "model_type", ["videomae"], "not a video classifier"),
            ("config.json", "image_size", 64, "does not take clips of 4 frames"),
            ("video_preprocessor_config.json", "crop_size", 48, "does not take clips of 4 frames"),
            (
                "video_preprocessor_config.json",
                "image_mean",
                "x",
                "save the processor that belongs",
            ),
        ]
    ):
        folder = shutil.copytree(folders["VideoMAE"], tmp_path / str(number))
        content = json.loads((folder / file).read_text())
        (folder / file).write_text(json.dumps({**content, field: value}))
        assert words in message(f"hf:{folder}"), field


def test_a_name_that_cannot_be_downloaded_is_refused(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    text = message("hf:nobody/video-model")
    assert text.startswith("there is no folder nobody/video-model, and the Hub does not give")
    assert "give its folder" in text


def test_frames_that_the_model_does_not_take_are_refused(videomae, folders):
    assert "does not take clips of 8 frames" in message(f"hf:{videomae}?frames=8")
    # V-JEPA 2 has rotary positions.
    model = open_model(f"hf:{folders['VJEPA2']}?frames=6")
    assert model.sampling == Sampling(6, stride=16)


def test_names_of_classes_replace_placeholders(videomae, tmp_path, capsys):
    changed(videomae, id2label={str(k): f"LABEL_{k}" for k in range(3)}, label2id={})
    assert open_model(f"hf:{videomae}").classes is None
    assert "does not name its classes" in capsys.readouterr().err

    names = tmp_path / "classes.txt"
    names.write_text("run\nhop\nsit\n")
    assert open_model(f"hf:{videomae}?classes={names}").classes == ("run", "hop", "sit")

    names.write_text("run\nhop\n")
    assert "has 3 outputs, but" in message(f"hf:{videomae}?classes={names}")


def test_the_rate_is_the_one_of_the_published_evaluation():
    def sampling(family, labels=400, **fields):
        names = {number: str(number) for number in range(labels)}
        config = getattr(transformers, f"{family}Config")(id2label=names, **fields)
        return adapter.sampling_of(config)

    assert sampling("VideoMAE") == Sampling(16, stride=4)
    assert sampling("VideoMAE", labels=174) == Sampling(16)
    assert sampling("Vivit") == Sampling(32, stride=2)
    assert sampling("Timesformer") == Sampling(8, stride=32)
    assert sampling("Timesformer", num_frames=96) == Sampling(96, stride=4)
    assert sampling("Timesformer", num_frames=12) == Sampling(12)
    assert sampling("VJEPA2", labels=174, frames_per_clip=16) == Sampling(16, stride=4)
    assert sampling("VJEPA2", frames_per_clip=32) == Sampling(32, stride=2)


def test_the_fingerprint_depends_on_weights_and_settings_not_on_the_folder(videomae, folders):
    same = open_model(f"hf:{folders['VideoMAE']}").fingerprint
    assert open_model(f"hf:{videomae}").fingerprint == same

    processor = videomae / "video_preprocessor_config.json"
    content = json.loads(processor.read_text())
    processor.write_text(json.dumps({**content, "image_mean": [0.1, 0.2, 0.3]}))
    assert open_model(f"hf:{videomae}").fingerprint != same


def test_a_torchvision_that_does_not_fit_pytorch_is_named(videomae, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    monkeypatch.setattr("albar_jax.audit.models._check_packages", lambda *_: None)
    assert "install all together" in message(f"hf:{videomae}")
