"""What the devices that are here do with a step of the config in argv[1], all as JSON; see tests/test_mesh.py."""

import json
import sys

import jax
from ml_collections import ConfigDict

from albar_jax import build
from albar_jax.collectives import list_collectives
from albar_jax.config import parse


def measure(config: ConfigDict) -> dict:
    run = build.experiment(parse(config), {}, resumes=False)
    batch = next(run.train_batches(0))
    compiled = run.train_step.lower(run.state, batch).compile()
    state, metrics = compiled(run.state, batch)
    arrays = jax.tree.leaves(state)
    return {
        "bytes": sum(array.nbytes for array in arrays),
        "bytes_on": [
            sum(array.addressable_shards[n].data.nbytes for array in arrays) for n in range(len(jax.devices()))
        ],
        "parameters": {
            jax.tree_util.keystr(path): leaf.nbytes for path, leaf in jax.tree.leaves_with_path(state.params)
        },
        "collectives": list_collectives(compiled.as_text()),
        "loss": float(metrics["loss/total"]),
    }


if __name__ == "__main__":
    print(json.dumps(measure(ConfigDict(json.loads(sys.argv[1])))))
