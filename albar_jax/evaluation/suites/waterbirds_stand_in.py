"""The generated stand-in of Waterbirds, with the same tasks.

(`albar toy waterbirds`)
"""

import dataclasses

from albar_jax.evaluation.suites import waterbirds

# Percent of each kind of bird. Both kinds are equally frequent; 5 % are before the other scenery.
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
    task_groups=waterbirds.groups_of(_TRAINING),
)
