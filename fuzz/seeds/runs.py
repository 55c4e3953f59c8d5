"""Makes weights, workdirs of training runs and studies, and data sets in ArrayRecord folders."""

import dataclasses
import gzip
import json
import shutil
from pathlib import Path

from fuzz.seeds import films, tables

_ROOT = Path(__file__).parents[2]
_WEIGHTS = _ROOT / "tests" / "models" / "files"
STUDY = _ROOT / "configs" / "studies" / "quickstart_table1.py"
_CLASSES = tuple(f"class{number}" for number in range(8))


def make_weights(folder: Path) -> None:
    """Makes weight files of a small network in all formats that do not need PyTorch.

    Copies the weight files of the tests, too.
    """
    from albar_jax.weights import torch_files, torch_params

    config, params = _network("resnet_micro")
    state = torch_params.state_dict_of(params, config)
    plain = folder / "plain" / "model.safetensors"
    torch_files.write_state_dict(plain, state)
    (folder / "packed").mkdir()
    (folder / "packed" / "model.pth.gz").write_bytes(gzip.compress(plain.read_bytes(), 1))
    half = len(state) // 2
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")

    for name, part in zip(names, (list(state)[:half], list(state)[half:]), strict=True):
        torch_files.write_state_dict(folder / "parts" / name, {key: state[key] for key in part})

    index = {key: names[place >= half] for place, key in enumerate(state)}
    (folder / "parts" / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": index})
    )

    for path in sorted(_WEIGHTS.glob("*.pth")):
        (folder / path.stem).mkdir()
        shutil.copy(path, folder / path.stem / path.name)


def make_converted(folder: Path) -> None:
    """Makes converted directories of a Swin and a ResNet."""
    from albar_jax.weights.converted import save_converted

    for preset in ("micro", "resnet_micro"):
        save_converted(folder / preset / "weights", *_network(preset))


def _network(preset: str):
    """Returns the config and the weights of a reduced version of a preset network."""
    import jax

    from albar_jax.models import PRESETS, ResNetConfig, create

    config = PRESETS[preset]

    if not isinstance(config, ResNetConfig):
        config = dataclasses.replace(config, embed_dim=12, depths=(1, 1))

    return config, create(config, jax.random.key(0))[1]


def make_workdirs(folder: Path) -> None:
    """Makes the workdir of a training run of two steps."""
    import jax.numpy as jnp

    from albar_jax import wiring
    from albar_jax.config import parse
    from albar_jax.train.checkpoint import Checkpoints
    from albar_jax.train.step import init_state
    from configs import quickstart

    config = quickstart.get_config("ce")
    config.model.preset = "resnet_micro"
    parsed = parse(config)
    _, weights = wiring.model(parsed, len(_CLASSES))
    optimizer = wiring.optimizer(parsed, lambda step: 0.1)
    meta = {"config": json.loads(config.to_json_best_effort()), "classes": list(_CLASSES)}
    workdir = folder / "run"
    checkpoints = Checkpoints(workdir)

    for step in (1, 2):
        state = dataclasses.replace(init_state(weights, optimizer), step=jnp.int32(step))
        checkpoints.save(state, meta, 0.5 / step)

    checkpoints.wait()
    checkpoints.close()
    tables.write(
        workdir, {"summary.json": json.dumps({"step": 2, "num_steps": 2, "flops_per_step": 1e9})}
    )


def make_studies(folder: Path) -> None:
    """Makes the workdir of a study with one finished run."""
    from albar_jax.studies import list_runs, read_study
    from albar_jax.wiring.study_request import CONFIG, saved_config

    run = list_runs(read_study(str(STUDY)), [0], folder / "study", {})[0]
    predictions = "id,label,pred\na,0,1\nb,1,1\n"
    files = {
        CONFIG: json.dumps(saved_config(run), indent=2),
        "summary.json": json.dumps(
            {"step": 6, "num_steps": 6, "flops_per_step": 1e9, "seconds_total": 3.0}
        ),
        "predictions/quickstart.csv": predictions,
        "predictions/quickstart_scuba.csv": predictions,
        "predictions/left_out.tsv": "task\tid\tlabel\nquickstart\tc\t1\n",
        "predictions/classes.txt": "".join(f"{name}\n" for name in _CLASSES),
        ".lock": json.dumps({"process": 7, "host": "h", "since": "now", "command": "train.py"}),
    }
    tables.write(run.folder, files)


def make_records(folder: Path) -> None:
    """Makes a data set of three small videos in two shards."""
    from albar_jax.data import records

    out = folder / "set"
    names = ("mjpeg.avi", "h264.mp4", "vp9.webm")
    films.make_named(out / "films", names)
    rows = [{"path": f"films/{name}", "label": "0", "split": "train", "id": name} for name in names]
    records.pack("tiny", rows, ["a", "b"], out, shard_bytes=4000)
    shutil.rmtree(out / "films")
