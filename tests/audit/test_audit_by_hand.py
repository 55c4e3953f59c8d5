"""Claim: the tables of `albar audit` equal a loop over the films that uses no code of the package.

The loop has PyAV and Pillow for the pixels, and PyTorch, torchvision and transformers for the rest.
"""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from albar_jax import cli
from albar_jax.toy import quickstart

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")
transformers = pytest.importorskip("transformers")
av = pytest.importorskip("av")
Image = pytest.importorskip("PIL.Image")

TASKS = {
    "quickstart": "manifest",
    "quickstart_reversed": "manifest",
    "quickstart_shuffled": "manifest",
    "quickstart_static": "manifest",
    "quickstart_scuba": "quickstart_scuba",
    "quickstart_scufo": "quickstart_scufo",
    "quickstart_conflfg": "quickstart_conflfg",
}
SEED = 5
# The rate of the world's videos. Clips that are made from a video are sampled at its rate.
FRAMES_PER_SECOND = 8


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("world") / "data"
    quickstart.make(out, num_train=8, num_test=8, num_processes=1)
    return out


@pytest.fixture(scope="module")
def mc3():
    torch.manual_seed(SEED)
    return torchvision.models.get_model("mc3_18", weights=None, num_classes=8).eval()


@pytest.fixture(scope="module")
def videomae(world, tmp_path_factory) -> Path:
    """The folder of a tiny VideoMAE with random weights, whose classes have names of its own."""
    names = [name.replace("_", " ").title() for name in class_names(world)][::-1]
    config = transformers.VideoMAEConfig(
        image_size=32,
        num_frames=4,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        id2label=dict(enumerate(names)),
        label2id={name: number for number, name in enumerate(names)},
        initializer_range=0.5,
    )
    torch.manual_seed(SEED)
    folder = tmp_path_factory.mktemp("models") / "tiny-videomae"
    transformers.AutoModelForVideoClassification.from_config(config).save_pretrained(folder)
    size = {"height": 32, "width": 32}
    processor = transformers.VideoMAEVideoProcessor(size={"shortest_edge": 36}, crop_size=size)
    processor.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def predictions(world, videomae, tmp_path_factory) -> Path:
    """The folder of the predictions of both models."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("audit")
    network = f"torchvision:mc3_18?weights=random&seed={SEED}&classes={world / 'classes.txt'}"
    # The smallest number of frames that reversing changes.
    arguments = ["--model", f"mc3={network}&frames=2", "--model", f"hf:{videomae}"]
    config = ["--config", "quickstart", f"--config.data.manifest={world / 'manifest.csv'}"]
    assert cli.run(["audit", *arguments, *config, "--threads", "1", "--out", str(out)]) == 0
    return out / "predictions"


def class_names(world) -> list[str]:
    return (world / "classes.txt").read_text().split()


def read(path, num_frames, rate=None, stride=None):
    """Decodes a film or a picture; takes the middle of it, or spreads the frames if it is short."""
    if path.suffix == ".jpg":
        frames = np.array(Image.open(path).convert("RGB"))[None]
    else:
        with av.open(str(path)) as film:
            frames = np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])

    count = len(frames)
    step = stride or FRAMES_PER_SECOND / rate
    if num_frames * step > count:
        chosen = [int(count * (i + 0.5) / num_frames) for i in range(num_frames)]
    else:
        chosen = [int((count - num_frames * step) / 2 + i * step) for i in range(num_frames)]
    return frames[chosen]


def clips(world, task, **sampling):
    """Yields the id, the label and the clip of each row of a task."""
    manifest = world / f"{TASKS[task]}.csv"
    with manifest.open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("split", "test") == "test"]
    for row in rows:
        clip = read(world / row["path"], **sampling)
        if task.endswith("_reversed"):
            clip = clip[::-1]
        if task.endswith("_shuffled"):
            # The content of the video determines the order.
            digest = hashlib.sha256((world / row["path"]).read_bytes()).hexdigest()
            clip = np.random.default_rng(int(digest[:16], 16)).permutation(clip)
        if task.endswith("_static"):
            clip = clip[[len(clip) // 2] * len(clip)]
        yield row["id"], row["label"], clip.copy()


def table(predictions, name, task):
    """Returns the label and the probabilities of each id in a table."""
    with (predictions / name / f"{task}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    probabilities = {}
    for row in rows:
        values = np.array([float(row[f"prob_{number}"]) for number in range(8)])
        assert int(row["pred"]) == values.argmax()
        probabilities[row["id"]] = int(row["label"]), values
    return probabilities


@pytest.mark.parametrize("task", TASKS)
def test_the_tables_of_torchvision_equal_a_loop(task, world, mc3, predictions):
    transforms = torchvision.models.video.MC3_18_Weights.DEFAULT.transforms()
    given = table(predictions, "mc3", task)

    ids = []
    for clip_id, label, clip in clips(world, task, num_frames=2, rate=15):
        pixels = transforms(torch.from_numpy(clip).permute(0, 3, 1, 2))
        with torch.inference_mode():
            expected = mc3(pixels[None])[0].softmax(-1).numpy()
        assert given[clip_id][0] == class_names(world).index(label)
        assert np.allclose(given[clip_id][1], expected, atol=2e-6)
        ids.append(clip_id)
    assert sorted(ids) == sorted(given)


@pytest.mark.parametrize("task", TASKS)
def test_the_tables_of_transformers_equal_a_loop(task, world, videomae, predictions):
    model = transformers.AutoModelForVideoClassification.from_pretrained(videomae).eval()
    processor = transformers.AutoVideoProcessor.from_pretrained(videomae)
    given = table(predictions, "tiny-videomae", task)

    ids = []
    for clip_id, label, clip in clips(world, task, num_frames=4, stride=4):
        with torch.inference_mode():
            logits = model(**processor([list(clip)], return_tensors="pt")).logits
        # The model numbers the classes backwards.
        expected = logits[0].softmax(-1).numpy()[::-1]
        assert given[clip_id][0] == class_names(world).index(label)
        assert np.allclose(given[clip_id][1], expected, atol=2e-6)
        ids.append(clip_id)
    assert sorted(ids) == sorted(given)


def test_the_models_answer_clips_differently(predictions):
    for name in ("mc3", "tiny-videomae"):
        forward = table(predictions, name, "quickstart")
        others = [table(predictions, name, task) for task in list(TASKS)[1:4]]
        for other in others:
            differences = [np.abs(forward[key][1] - other[key][1]).max() for key in forward]
            assert max(differences) > 1e-4
