"""Compares the FLOPs of programs with loops with the same work without loops."""

import jax
import jax.numpy as jnp
import pytest

from albar_jax.profiling.flops import flops

A, B = jnp.ones((64, 32)), jnp.ones((32, 48))
VIDEO, KERNEL = jnp.ones((2, 8, 8, 3)), jnp.ones((3, 3, 3, 16))


def counted(function, *arguments):
    traced = jax.jit(function).trace(*arguments)
    return flops(traced, traced.lower().compile())


def convolved(kernel, video):
    stride = jax.lax.conv_general_dilated(
        video, kernel, (2, 2), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    return jnp.sum(stride**2)


def test_one_product_has_the_textbook_count():
    assert counted(jnp.matmul, A, B) == 2 * 64 * 32 * 48


def test_products_that_xla_leaves_to_a_library_count():
    """On a GPU, the compiled program itself has almost no FLOPs."""
    product, sums = jax.jit(jnp.matmul).trace(A, B), jax.jit(jnp.sum).trace(B)
    assert flops(product, sums.lower().compile()) == 2 * 64 * 32 * 48


def test_work_beside_a_loop_counts_once():
    """Sixteen iterations of a small product do not multiply a large sum."""
    large = jnp.ones((512, 512))

    def beside(large, a, b):
        return (
            jnp.sum(large),
            jax.lax.map(lambda scale: (scale * a) @ b, jnp.arange(16.0)),
        )

    expected = counted(jnp.sum, large) + 16 * 2 * 64 * 32 * 48

    assert counted(beside, large, A, B) == pytest.approx(expected, rel=0.05)


def test_all_iterations_of_nested_loops_count():
    def loop(a, b):
        def iteration(a):
            return jax.lax.map(lambda a: a @ b, a)

        return jax.lax.map(iteration, a)

    assert counted(loop, jnp.ones((3, 5, 64, 32)), B) == pytest.approx(
        15 * 2 * 64 * 32 * 48, rel=0.01
    )


def test_a_loop_beside_other_work_counts_by_its_own_iterations():
    """One product, and an equal one in a loop of seven iterations, count as eight."""

    def both(a, b):
        return a @ b + jnp.sum(jax.lax.map(lambda scale: (scale * a) @ b, jnp.arange(7.0)), axis=0)

    assert counted(both, A, B) == pytest.approx(8 * 2 * 64 * 32 * 48, rel=0.1)


def test_gradients_of_convolutions_in_a_loop_count_beside_a_product():
    """A strided convolution's gradient has zeros between the entries of its input."""
    grad = jax.grad(convolved, argnums=(0, 1))

    def looped(kernel, videos):
        return jax.lax.map(lambda video: grad(kernel, video), videos)

    once = counted(grad, KERNEL, VIDEO)
    product = jnp.ones((256, 256))

    def both(kernel, videos, a):
        return (looped(kernel, videos), a @ a)

    expected = 9 * once + 2 * 256**3

    assert counted(both, KERNEL, jnp.stack([VIDEO] * 9), product) == pytest.approx(
        expected, rel=0.1
    )
