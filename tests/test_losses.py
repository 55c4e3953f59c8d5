import jax
import jax.numpy as jnp
import numpy as np
import pytest

from albar_jax.methods.losses import cross_entropy, negative_entropy, valid_mean

LOGITS = np.log(np.array([[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]], np.float32))


def test_cross_entropy_of_a_certain_label_is_minus_its_log_probability():
    target = np.array([[0, 1, 0], [0, 1, 0]], np.float32)
    np.testing.assert_allclose(cross_entropy(LOGITS, target), [np.log(4), -np.log(0.8)], rtol=1e-6)


def test_cross_entropy_of_a_soft_label_is_the_mixture():
    target = np.array([[0.5, 0.5, 0], [0, 0, 1]], np.float32)
    expected = [0.5 * np.log(2) + 0.5 * np.log(4), np.log(10)]
    np.testing.assert_allclose(cross_entropy(LOGITS, target), expected, rtol=1e-6)


def test_negative_entropy_is_lowest_for_a_uniform_prediction():
    expected = [0.5 * np.log(0.5) + 0.5 * np.log(0.25), 0.2 * np.log(0.1) + 0.8 * np.log(0.8)]

    np.testing.assert_allclose(negative_entropy(LOGITS), expected, rtol=1e-6)
    np.testing.assert_allclose(
        negative_entropy(np.zeros((1, 8), np.float32)), [-np.log(8)], rtol=1e-6
    )


@pytest.mark.parametrize(
    "loss", [negative_entropy, lambda x: cross_entropy(x, jnp.array([[0.0, 1.0]]))]
)
def test_an_underflowing_probability_has_a_finite_loss_and_gradient(loss):
    logits = jnp.array([[1000.0, -1000.0]])
    assert np.isfinite(loss(logits)).all()
    assert np.isfinite(jax.grad(lambda x: loss(x).sum())(logits)).all()


def test_only_valid_clips_count_and_none_makes_zero():
    values = np.array([1.0, 5.0, 9.0], np.float32)
    assert valid_mean(values, np.array([1, 0, 1], np.float32)) == 5
    assert valid_mean(values, np.zeros(3, np.float32)) == 0
