"""Turns PyTorch weights of a Video Swin into a checkpoint of ours.

    python -m albar_jax.models.convert swin3d_t-7615ae03.pth --model tiny --out weights/swin_tiny

Reads torchvision's swin3d_* state dicts and the official Video-Swin files, .pth or .safetensors. A converted directory
holds `params` (an orbax checkpoint) and `model.json` (the VideoSwinConfig).
"""

import argparse
import dataclasses
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp

from albar_jax.errors import UserError
from albar_jax.models import PRESETS, VideoSwinConfig, create, torch_names
from albar_jax.models.torch_files import StateDict, read_state_dict
from albar_jax.types import Params

LISTED = 8  # names given of each kind of mismatch


def load_torch(path: str | Path, config: VideoSwinConfig) -> Params:
    """Reads PyTorch weights of exactly this architecture and number of classes.

    Returns a nested dict of float32 arrays. Raises UserError if the file cannot be read or does not fit.
    """
    return params_of(read_state_dict(path), config, path)


def params_of(state: StateDict, config: VideoSwinConfig, source: str | Path) -> Params:
    """Returns the parameters of a state dict in our layout, all of them or none.

    Raises UserError with the missing, unused and mis-shaped names; `source` is what to call the file in it.
    """
    layout = layout_of(state, source)
    shapes = torch_names.flatten(param_shapes(config))
    names = {path: torch_names.torch_name(path, layout) for path in shapes}
    wanted = {names[path]: torch_names.torch_shape(path, leaf.shape, config) for path, leaf in shapes.items()}
    refuse_mismatch(
        {name: value.shape for name, value in state.items() if not torch_names.BUFFERS.search(name)}, wanted, source
    )
    flat = {path: torch_names.from_torch(path, state[name]) for path, name in names.items()}
    return torch_names.unflatten({path: np.ascontiguousarray(value) for path, value in flat.items()})


def layout_of(state: StateDict, source: str | Path) -> str:
    """Returns whose names a state dict uses, told by its head."""
    for layout, head in torch_names.HEADS.items():
        if head in state:
            return layout
    raise UserError(f"{source} is no Video Swin classifier: it holds none of {', '.join(torch_names.HEADS.values())}.")


def with_classes_of(config: VideoSwinConfig, state: StateDict, source: str | Path) -> VideoSwinConfig:
    """Returns the config with as many classes as the head of a state dict has."""
    head = state[torch_names.HEADS[layout_of(state, source)]]
    return dataclasses.replace(config, num_classes=head.shape[0])


def param_shapes(config: VideoSwinConfig) -> Params:
    """Returns the parameter tree of a model with shapes for leaves."""
    return jax.eval_shape(lambda key: create(config, key)[1], jax.random.key(0))


def refuse_mismatch(found: dict[str, tuple], wanted: dict[str, tuple], source: str | Path) -> None:
    """Raises UserError unless two {name: shape} agree, with the first names of each kind of difference."""
    shared = found.keys() & wanted.keys()
    kinds = {
        "missing": sorted(wanted.keys() - found.keys()),
        "unused": sorted(found.keys() - wanted.keys()),
        "mis-shaped": [f"{k} {found[k]} for {wanted[k]}" for k in sorted(shared) if found[k] != wanted[k]],
    }
    parts = [
        f"{len(names)} {kind} ({', '.join(names[:LISTED])}{', ...' if len(names) > LISTED else ''})"
        for kind, names in kinds.items()
        if names
    ]
    if parts:
        raise UserError(f"{source} does not fit the model, is it of another size? {'; '.join(parts)}.")


def save_converted(directory: str | Path, config: VideoSwinConfig, params: Params) -> None:
    """Writes parameters and their config as a new directory, whole or not at all.

    Raises UserError if it exists already.
    """
    directory = Path(directory).absolute()
    if directory.exists():
        raise UserError(f"{directory} exists already; delete it or choose another directory.")
    directory.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        (partial / "model.json").write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n")
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            checkpointer.save(partial / "params", args=ocp.args.StandardSave(params))
        partial.chmod(0o755)  # mkdtemp's is for the owner alone
        os.replace(partial, directory)
    except BaseException:
        shutil.rmtree(partial)
        raise


def load_converted(directory: str | Path) -> tuple[VideoSwinConfig, Params]:
    """Reads what `save_converted` wrote. Raises UserError if the directory is something else."""
    directory = Path(directory).absolute()
    if not (directory / "model.json").is_file():
        raise UserError(f"{directory} holds no model.json: it was not written by albar_jax.models.convert.")
    try:
        config = VideoSwinConfig(**json.loads((directory / "model.json").read_text()))
        with ocp.Checkpointer(ocp.StandardCheckpointHandler()) as checkpointer:
            arguments = ocp.args.StandardRestore(param_shapes(config))
            return config, checkpointer.restore(directory / "params", args=arguments)
    except (OSError, KeyError, TypeError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"{directory} is damaged ({reason}); convert the weights again.") from error


def main(arguments: list[str] | None = None) -> int:
    """Runs the command line; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m albar_jax.models.convert", description=__doc__.splitlines()[0])
    parser.add_argument("source", help="a .pth, .pt or .safetensors file")
    parser.add_argument("--model", required=True, choices=PRESETS, help="the size of the model in the file")
    parser.add_argument("--out", required=True, help="the directory to write")
    options = parser.parse_args(arguments)
    try:
        state = read_state_dict(options.source)
        config = with_classes_of(PRESETS[options.model], state, options.source)
        params = params_of(state, config, options.source)
        save_converted(options.out, config, params)
    except UserError as error:
        print(f"convert: {error}", file=sys.stderr)
        return 2
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    print(f"{options.out}: Video Swin {options.model}, {config.num_classes} classes, {count:,} parameters.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
