"""Compares attention in chunks of windows with attention to all windows at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.models.recompute import in_chunks


def attend(x, region):
    """A function of each window by itself."""
    scores = (
        x @ x.mT
        if region is None
        else jnp.where(region[..., None] == region[..., None, :], x @ x.mT, 0.0)
    )
    return jnp.tanh(scores) @ x


def num_chunks_of(function, *arguments):
    """Returns the number of iterations of the loop in a function."""
    (scan,) = [
        each for each in jax.make_jaxpr(function)(*arguments).eqns if each.primitive.name == "scan"
    ]
    return scan.params["length"]


@pytest.mark.parametrize(
    ("count", "at_most", "num_chunks"), [(12, 4, 3), (12, 5, 3), (7, 4, 7), (50, 12, 5), (3, 8, 1)]
)
@pytest.mark.parametrize("regions", [True, False])
def test_chunks_of_windows_give_the_result_of_all_at_once(count, at_most, num_chunks, regions):
    """The chunks are as few as divide the windows evenly; a prime number runs one by one."""
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(count, 5, 3)), jnp.float32)
    region = jnp.array(rng.integers(2, size=(count, 5))) if regions else None
    chunked = in_chunks(attend, at_most)

    assert num_chunks_of(chunked, x, region) == num_chunks
    np.testing.assert_allclose(chunked(x, region), attend(x, region), rtol=1e-5, atol=1e-6)

    gradients = [
        jax.grad(lambda x, of=of: jnp.sum(of(x, region) ** 2))(x) for of in (chunked, attend)
    ]

    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
