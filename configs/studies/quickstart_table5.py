"""Table 5 in the generated world: anomalies and actions in untrimmed films.

    python study.py --config configs/studies/quickstart_table5.py --workdir runs/studies

The films consist of the motions that the encoders know. In training films the scenery gives away
the class of the events, in test films it does not; see `albar_jax/toy/films.py`. Both heads are
small, so that a seed takes minutes on two cores.
"""

from ml_collections import ConfigDict

from albar_jax.evaluation.suites import SUITES
from albar_jax.studies import Probe, Study
from albar_jax.toy import untrimmed
from configs import cells, worlds

_FILMS = "data/untrimmed_seed{seed}"
_DATA = "albar toy untrimmed --out data/untrimmed_seed0 --seed 0"
# Clips of 8 small frames are too little work for batches of one.
_BATCH_SIZE = 32

# Only stages of the local kind: with few videos, attention over a whole video learns which videos
# are abnormal, but not where.
_MGFN = {
    "epochs": 40,
    "batch_size": 8,
    "dims": (32, 64),
    "depths": (1, 1),
    "blocks": ("focus", "focus"),
    "dim_head": 32,
}
_TRIDET = {
    "epochs": 30,
    "warmup_epochs": 5,
    "batch_size": 4,
    "learning_rate": 1e-3,
    "ema_decay": 0.99,
    "max_seq_len": 128,
    "embed_layers": 1,
    "stem_blocks": 1,
    "levels": 3,
    "width": 64,
    "mlp_width": 96,
    "head_width": 64,
    "bins": 8,
}


def make_data(config: ConfigDict) -> None:
    """Makes the clips and the films of this config if they are missing."""
    worlds.Setting().prepare(config)
    untrimmed.make(_FILMS.format(seed=config.seed), seed=config.seed)


def get_study() -> Study:
    """Returns the study of three encoders and two downstream tasks; each seed has its own films."""
    return Study(
        title="Table 5 in the generated world: downstream tasks",
        suite=SUITES["quickstart"],
        cells=(cells.quickstart("ce"), cells.quickstart("albar"), cells.quickstart("albar_fast")),
        data=cells.QUICKSTART,
        prepare=make_data,
        probes=(
            Probe(
                name="mgfn",
                title="Anomalies in generated films, small MGFN",
                head="mgfn",
                videos=f"{_FILMS}/anomaly/manifest.csv",
                annotations=f"{_FILMS}/anomaly/manifest.csv",
                data=_DATA,
                hop=8,
                recipe=_MGFN,
                batch_size=_BATCH_SIZE,
            ),
            Probe(
                name="tridet",
                title="Actions in generated films, small TriDet",
                head="tridet",
                videos=f"{_FILMS}/segments/manifest.csv",
                annotations=f"{_FILMS}/segments/thumos14.json",
                data=_DATA,
                hop=4,
                recipe=_TRIDET,
                batch_size=_BATCH_SIZE,
            ),
        ),
    )
