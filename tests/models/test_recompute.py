"""Attention to some windows at a time, against all at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.models.recompute import in_chunks


def attend(x, region):
    """Any function of each window for itself."""
    scores = (
        x @ x.mT
        if region is None
        else jnp.where(region[..., None] == region[..., None, :], x @ x.mT, 0.0)
    )
    return jnp.tanh(scores) @ x


def turns_of(function, *arguments):
    """How often a loop goes round."""
    (scan,) = [
        each for each in jax.make_jaxpr(function)(*arguments).eqns if each.primitive.name == "scan"
    ]
    return scan.params["length"]


@pytest.mark.parametrize(
    ("count", "at_most", "turns"), [(12, 4, 3), (12, 5, 3), (7, 4, 7), (50, 12, 5), (3, 8, 1)]
)
@pytest.mark.parametrize("regions", [True, False])
def test_windows_by_turns_are_the_windows_at_once(count, at_most, turns, regions):
    """As few turns as share the windows evenly; a prime number of windows is taken one by one."""
    rng = np.random.default_rng(0)
    x = jnp.array(rng.normal(size=(count, 5, 3)), jnp.float32)
    region = jnp.array(rng.integers(2, size=(count, 5))) if regions else None
    some = in_chunks(attend, at_most)
    assert turns_of(some, x, region) == turns
    np.testing.assert_allclose(some(x, region), attend(x, region), rtol=1e-5, atol=1e-6)
    gradients = [jax.grad(lambda x, of=of: jnp.sum(of(x, region) ** 2))(x) for of in (some, attend)]
    np.testing.assert_allclose(*gradients, rtol=1e-4, atol=1e-5)
