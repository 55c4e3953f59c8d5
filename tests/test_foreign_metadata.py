"""Claim: the metadata of checkpoints or weights cannot choose what is imported, run or contacted.

A child process reads folders whose metadata names an importable module, or an address on which this
test listens.
"""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Replaces every string of the metadata by the name, one file at a time. Prints each success and
# each refusal.
PROGRAM = """
import json, pathlib, shutil, sys
import jax, jax.numpy as jnp, tensorstore
from albar_jax.train.checkpoint import Checkpoints
from albar_jax.errors import UserError
from albar_jax.models import PRESETS, create
from albar_jax.weights.converted import load_converted, save_converted
from albar_jax.train.optim import adamw
from albar_jax.train.step import init_state

home, name = pathlib.Path(sys.argv[1]), sys.argv[2]
_, params = create(PRESETS["resnet_micro"], jax.random.key(0))
save_converted(home / "converted", PRESETS["resnet_micro"], params)
optimizer = adamw(lambda _: 0.1, weight_decay=0.0, b1=0.9, b2=0.999, clip_norm=None)
state = init_state({"layer": {"kernel": jnp.zeros((3, 4))}}, optimizer)
checkpoints = Checkpoints(home / "run")
checkpoints.save(state, {"config": {"name": "x"}, "classes": ["a"]}, 0.5)
checkpoints.wait()
checkpoints.close()

def load_run(folder):
    checkpoints = Checkpoints(folder, read_only=True)
    checkpoints.meta(0), checkpoints.restore(0, state)

def named(value):
    if isinstance(value, dict):
        return {key: named(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [named(inner) for inner in value]
    return name if isinstance(value, str) else value

def is_json(path):
    try:
        if not path.is_file() or not path.stat().st_size:
            return False
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False

def attempt(load, folder, what):
    try:
        load(folder)
        print(what, "read")
    except UserError as error:
        print(what, "refused")

def attempts(kind, load):
    attempt(load, home / kind, kind)
    paths = filter(is_json, sorted((home / kind).rglob("*")))
    files = [path.relative_to(home / kind) for path in paths]
    for file in files:
        copy = home / "copy"
        shutil.copytree(home / kind, copy)
        (copy / file).write_text(json.dumps(named(json.loads((copy / file).read_bytes()))))
        attempt(load, copy, file)
        shutil.rmtree(copy)

attempts("converted", load_converted)
attempts("run", load_run)

# The headers of the arrays, which tensorstore reads.
header = {"kvstore": name, "driver": name}
changes = [{"dtype": name}, {"dtype": "|O"}, {"compressor": {"id": name}}]
for change in (*changes, {"filters": [{"id": name}]}, header):
    shutil.copytree(home / "converted", home / "copy")
    base = f"file://{home}/copy/params/"
    store = tensorstore.KvStore.open({"driver": "ocdbt", "base": base}).result()
    for key in store.list().result():
        if key.endswith(b".zarray"):
            content = json.loads(store.read(key).result().value)
            store.write(key, json.dumps(content | change)).result()
    attempt(load_converted, home / "copy", f".zarray {sorted(change)}")
    shutil.rmtree(home / "copy")
"""


@pytest.mark.parametrize("kind", ["module", "address"])
def test_no_name_in_the_metadata_of_a_checkpoint_is_imported_or_connected_to(tmp_path, kind):
    trace = tmp_path / "trace"
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "foreign.py").write_text(
        f"open({str(trace)!r}, 'w')\nclass Handler: ...\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        name = {
            "module": "foreign.Handler",
            "address": f"http://127.0.0.1:{listener.getsockname()[1]}/x",
        }[kind]
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path), name],
            env=os.environ
            | {"PYTHONPATH": f"{tmp_path / 'modules'}{os.pathsep}{ROOT}", "JAX_PLATFORMS": "cpu"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr[-3000:]
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert not trace.exists()

    verdicts = dict(line.rsplit(" ", 1) for line in done.stdout.splitlines())
    assert verdicts["converted"] == verdicts["run"] == "read"
    assert sum(word == "refused" for word in verdicts.values()) >= 5
    assert sum(what.endswith("METADATA") for what in verdicts) >= 4
