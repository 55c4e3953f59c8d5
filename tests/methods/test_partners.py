import collections

import jax
import jax.numpy as jnp
import numpy as np

from albar_jax.methods.partners import other_clips

draw = jax.jit(jax.vmap(other_clips, in_axes=(0, None)))


def partners(valid, num_draws=2000):
    chosen, has_partner = draw(
        jax.random.split(jax.random.key(0), num_draws), jnp.array(valid, jnp.float32)
    )
    return np.asarray(chosen), np.asarray(has_partner)


def test_the_partner_is_each_other_readable_clip_equally_often():
    valid = np.array([1, 1, 0, 1, 0, 1])
    chosen, has_partner = partners(valid)

    assert has_partner.all()
    for clip in range(len(valid)):
        counts = collections.Counter(chosen[:, clip].tolist())
        others = [other for other in valid.nonzero()[0] if other != clip]
        assert sorted(counts) == others
        # Binomial: 4 sd of at most sqrt(2000 / 4) = 22 around 2000 / 3 or 2000 / 4.
        assert all(abs(count - 2000 / len(others)) < 88 for count in counts.values())


def test_clips_choose_independently():
    chosen, _ = partners([1, 1, 1, 1])
    # Clips 0 and 2 both choose clip 1 in 1 of 9 draws: 222 of 2,000, sd 14.
    assert 165 < np.sum((chosen[:, 0] == 1) & (chosen[:, 2] == 1)) < 280


def test_a_clip_without_a_readable_other_has_none_but_itself():
    for valid, has_partner, chosen in (
        ([1], [False], [0]),
        ([0, 0, 0], [False, False, False], [0, 1, 2]),
        ([0, 1, 0], [True, False, True], [1, 1, 1]),
    ):
        drawn = partners(valid, 1)
        np.testing.assert_array_equal(drawn[0], [chosen])
        np.testing.assert_array_equal(drawn[1], [has_partner])
