"""UCF101, test split 1, with its SCUBA, SCUFO and Confl-FG sets. (StillMix; ALBAR Table 2)"""

from albar_jax.evaluation.suites.base import Suite, published_rows

SUITE = Suite(name="ucf101", title="UCF101", iid="ucf101", rows=published_rows("ucf101"))
