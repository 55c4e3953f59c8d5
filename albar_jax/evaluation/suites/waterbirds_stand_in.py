"""The generated stand-in of Waterbirds: the same tasks. (`python -m albar_jax.synthesis.waterbirds_stand_in`)"""

import dataclasses

from albar_jax.evaluation.suites import waterbirds

SUITE = dataclasses.replace(
    waterbirds.SUITE, name="waterbirds_stand_in", title="Stand-in of Waterbirds", published=None
)
