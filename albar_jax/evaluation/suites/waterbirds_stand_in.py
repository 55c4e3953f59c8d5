"""The generated stand-in of Waterbirds: the same tasks. (`albar toy waterbirds`)"""

import dataclasses

from albar_jax.evaluation.suites import waterbirds

# In percent of each kind of bird. Both kinds have equal size, with 5 % before the other scenery.
_TRAINING = {
    "waterbird_on_water": 95,
    "waterbird_on_land": 5,
    "landbird_on_land": 95,
    "landbird_on_water": 5,
}

SUITE = dataclasses.replace(
    waterbirds.SUITE,
    name="waterbirds_stand_in",
    title="Stand-in of Waterbirds",
    rows=waterbirds.rows_of(_TRAINING),
    published=None,
)
