"""`albar plan`: compiles a training step, also for absent TPUs, and prints its needs."""

import dataclasses
import time
from collections.abc import Sequence

import jax
from jax.experimental import topologies
from jax.sharding import Mesh
from ml_collections import ConfigDict

from albar_jax import wiring
from albar_jax.config import Config, parse
from albar_jax.errors import UserError
from albar_jax.parallel.mesh import Devices, check_divisible, data_mesh
from albar_jax.profiling.collectives import Collective, list_collectives
from albar_jax.profiling.flops import flops
from albar_jax.terminal.escapes import show
from albar_jax.wiring.abstract_step import AbstractStep

GB = 1e9
# High-bandwidth memory of a chip, as cloud.google.com/tpu/docs states it in GB.
CHIP_MEMORY = {"v4": 32, "v5e": 16, "v5p": 95, "v6e": 32}


@dataclasses.dataclass(frozen=True)
class Plan:
    """The needs of one compiled training step.

    Attributes:
      chips: number of chips.
      clips: clips per chip.
      arguments: bytes of the state and the batch per chip.
      temporary: bytes of temporary arrays per chip.
      flops: FLOPs per chip.
      seconds: duration of the compilation.
      collectives: the collectives of the step.
    """

    chips: int
    clips: int
    arguments: int
    temporary: int
    flops: float
    seconds: float
    collectives: Sequence[Collective]

    @property
    def peak(self) -> int:
        """Returns the peak bytes per chip; the new state reuses the memory of the old one."""
        return self.arguments + self.temporary


def run(config: ConfigDict, topology: str | None = None, per_chip: int | None = None) -> int:
    """Compiles the training step of a config and prints its needs; returns the exit status.

    Args:
      config: the experiment.
      topology: TPUs to compile for, such as "v5e:2x2"; None is the devices of this machine.
      per_chip: clips per chip; None divides the batch of the config among the chips.

    Raises:
      UserError: the topology cannot be compiled for, or the batch is not divisible by the chips.
    """
    devices = chips(topology)
    changed = config.copy_and_resolve_references()
    if per_chip is not None:
        changed.batch_size = per_chip * len(devices)
    parsed = parse(changed)
    mesh = data_mesh(devices)
    check_divisible(parsed.batch_size, mesh, "config.batch_size", parsed.train.grad_accum_steps)

    name = topology or f"{len(devices)} x {devices[0].device_kind}"
    show(
        f"compiling {parsed.name} for {name}, {parsed.batch_size // len(devices)} clips per chip",
        flush=True,
    )
    memory = None
    if topology:
        memory = CHIP_MEMORY.get(topology.partition(":")[0])
    show(*in_words(compile_step(parsed, mesh), memory).splitlines())
    return 0


def chips(topology: str | None) -> Devices:
    """Returns the devices of a TPU topology, which this machine may lack; None is its own.

    Raises:
      UserError: the topology cannot be compiled for.
    """
    if topology is None:
        return jax.devices()

    kind = topology.partition(":")[0]
    if kind not in CHIP_MEMORY or ":" not in topology:
        raise UserError(
            f"--topology is {topology!r}; it is {'|'.join(CHIP_MEMORY)} and a shape, as in v5e:2x2"
        )
    try:
        return topologies.get_topology_desc(platform="tpu", topology_name=topology).devices
    # For an unknown shape, the compiler's library may raise any error.
    except Exception as error:
        raise UserError(
            f"cannot compile for --topology {topology}: {str(error).splitlines()[0]}; it needs "
            "pip install -e '.[tpu]'"
        ) from error


def compile_step(config: Config, mesh: Mesh) -> Plan:
    """Compiles the sharded training step for the devices of a mesh, which this machine may lack."""
    num_classes = config.model.num_classes or len(wiring.class_names(config))
    step = AbstractStep(config, num_classes, mesh)

    began = time.perf_counter()
    traced = step.trace()
    compiled = traced.lower().compile()
    seconds = time.perf_counter() - began

    memory = compiled.memory_analysis()
    hlo = compiled.as_text()
    if memory is None or hlo is None:
        raise UserError(
            "the compiler of this device reports no memory and no program. "
            "Plan for a CPU, a GPU or a TPU of --topology"
        )

    return Plan(
        chips=mesh.size,
        clips=config.batch_size // mesh.size,
        arguments=memory.argument_size_in_bytes,
        temporary=memory.temp_size_in_bytes,
        flops=flops(traced, compiled),
        seconds=seconds,
        collectives=list_collectives(hlo),
    )


def in_words(plan: Plan, memory_gb: float | None) -> str:
    """Formats a plan as a table.

    Args:
      plan: the needs of the step.
      memory_gb: memory of a chip in GB; None if it is unknown.
    """
    lines = [
        ("state and batch", f"{_short(plan.arguments)}B"),
        ("temporary", f"{_short(plan.temporary)}B, {_short(plan.temporary / plan.clips)}B a clip"),
        ("FLOPs", f"{_short(plan.flops)}, {_short(plan.flops / plan.clips)} a clip"),
        *((f"{kind} x {count}", f"{_short(size)}B") for kind, count, size in plan.collectives),
        ("compiling took", f"{plan.seconds:.0f} s"),
    ]
    if memory_gb is not None:
        verdict = "fits" if plan.peak <= memory_gb * GB else "does not fit"
        lines.append((f"a chip has {memory_gb} GB", f"{verdict}: {_short(plan.peak)}B"))
        lines.append(
            ("largest batch, in proportion", f"{largest_batch(plan, memory_gb * GB)} clips a chip")
        )
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in lines)


def _short(number: float) -> str:
    """Formats a number with three digits and a unit prefix: 1.45 G, 12.3 M."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if number >= factor:
            return f"{number / factor:.3g} {prefix}"
    return f"{number / 1e3:.3g} k"


def largest_batch(plan: Plan, memory: float) -> int:
    """Returns the largest number of clips per chip, if temporary memory is proportional to it.

    Args:
      plan: the needs of the step.
      memory: memory of a chip in bytes.
    """
    return int((memory - plan.arguments) // (plan.temporary / plan.clips))
