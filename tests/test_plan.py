"""The needs of a compiled step, and its collectives, read from XLA."""

import jax
import pytest

from albar_jax.config import parse
from albar_jax.errors import UserError
from albar_jax.parallel.mesh import data_mesh
from albar_jax.profiling.collectives import Collective, list_collectives
from albar_jax.wiring import run_plan

HLO = """
  %all-reduce.1 = f32[3,5]{1,0} all-reduce(%a), channel_id=1, replica_groups={{0,1}}, to_apply=%add
  %all-reduce.2 = (bf16[7]{0:T(256)}, f32[]) all-reduce-start(%b, %c), channel_id=2
  %all-reduce-done.2 = (bf16[7]{0}, f32[]) all-reduce-done(%all-reduce.2)
  %all-gather.7 = u8[4,2]{1,0} all-gather(%d), dimensions={0}
  %fusion = f32[9]{0} fusion(%all-reduce.1), kind=kLoop, calls=%fused
"""


def test_collectives_are_counted_with_the_bytes_of_their_results():
    assert list_collectives(HLO) == (
        Collective("all-reduce", 2, 3 * 5 * 4 + 7 * 2 + 4),
        Collective("all-gather", 1, 8),
    )


def test_the_plan_of_the_devices_here_tells_memory_and_flops(tiny_config, capsys):
    assert run_plan.run(tiny_config("ce"), per_chip=2) == 0
    text = capsys.readouterr().out
    for name in ("state and batch", "temporary", "FLOPs", "compiling took"):
        assert f"\n{name} " in text
    assert "2 clips per chip" in text


@pytest.mark.parametrize("remat", ["none", "dots"])
def test_flops_of_a_step_in_parts_are_those_of_the_whole(remat, tiny_config):
    # In a smaller network, the other work is more than a tenth.
    changes = {"model.preset": "micro", "model.remat": remat}
    whole, parted = (tiny_config("ce", **changes) for _ in range(2))
    whole.batch_size = parted.batch_size = 4
    parted.train.grad_accum_steps = 2
    mesh = data_mesh(jax.devices()[:1])
    counted = [run_plan.compile_step(parse(config), mesh).flops for config in (whole, parted)]
    assert counted[0] == pytest.approx(
        counted[1], rel=0.1
    )  # of work beside products one turn counts


def test_the_largest_batch_is_what_is_left_over_what_a_clip_takes():
    made = run_plan.Plan(
        chips=4, clips=2, arguments=300, temporary=500, flops=0.0, seconds=0.0, collectives=()
    )
    assert made.peak == 800
    assert run_plan.largest_batch(made, 1000) == 2  # (1000 - 300) / 250
    assert "does not fit" in run_plan.in_words(made, 7e-7)
    assert "fits: " in run_plan.in_words(made, 8e-7)


@pytest.mark.parametrize("topology", ["v5e", "tpu:2x2"])
def test_a_topology_that_is_none_is_refused_with_what_it_may_be(topology, tiny_config):
    with pytest.raises(
        UserError,
        match=rf"--topology is '{topology}'; it is v4\|v5e\|.* and a shape, as in v5e:2x2",
    ):
        run_plan.run(tiny_config("ce"), topology)


def test_a_topology_that_cannot_be_compiled_for_is_refused_with_what_it_needs(tiny_config):
    with pytest.raises(
        UserError, match="cannot compile for --topology v5e:2x2:3: .*; it needs pip install"
    ):
        run_plan.run(tiny_config("ce"), "v5e:2x2:3")
