"""Converts between nested parameter trees and flat dicts of paths."""

import jax

from albar_jax.types import Params


def flatten(params: Params) -> dict:
    """Returns a nested dict as a flat one, such as {"stages/0/merge/norm/scale": leaf}."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(params)
    return {"/".join(key.key for key in path): leaf for path, leaf in leaves}


def unflatten(flat: dict) -> Params:
    """Inverts `flatten`."""
    params = {}
    for path, value in flat.items():
        *parents, leaf = path.split("/")
        node = params
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value

    return params
