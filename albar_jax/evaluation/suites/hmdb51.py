"""HMDB51, test split 1, with its SCUBA, SCUFO and Confl-FG sets. (StillMix; ALBAR Table 1)"""

from albar_jax.evaluation.suites.base import Suite, published_rows

SUITE = Suite(name="hmdb51", title="HMDB51", iid="hmdb51", rows=published_rows("hmdb51"))
