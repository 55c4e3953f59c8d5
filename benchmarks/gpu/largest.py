"""The largest batch that fits, by what is recomputed: bounds from the compiler's memory analysis, then a step."""

from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import jax

from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import Step, config_of

# The method and what is changed, those that matter most first.
MODES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "albar, matrices": ("albar", {"model.remat": "matrices"}),
    "ce, matrices": ("ce", {"model.remat": "matrices"}),
    "albar, blocks": ("albar", {"model.remat": "blocks"}),
    "albar, blocks, low": ("albar", {"model.remat": "blocks", "methods.albar.memory": "low"}),
    "ce, none": ("ce", {"model.remat": "none"}),
    "albar_fast, matrices": ("albar_fast", {"model.remat": "matrices"}),
    "ce, blocks": ("ce", {"model.remat": "blocks"}),
    "albar, none": ("albar", {"model.remat": "none"}),
}
USABLE = 0.95  # of the memory: the allocator leaves gaps
STEPS = 3


class Mode:
    """The search in one mode: each batch gives a better estimate of the largest."""

    def __init__(self, name: str, settings: Settings, pool: ThreadPoolExecutor):
        self.name = name
        self.bytes_by_batch: dict[int, int] = {}
        self._settings = settings
        self._pool = pool
        self.begin(settings.sizes.batch)

    def begin(self, batch: int) -> None:
        """Starts to compile the step for a batch."""
        self.batch = batch
        method, changes = MODES[self.name]
        self._step = Step(config_of(self._settings, method, batch_size=batch, **changes))
        lowered = self._step.trace().lower()
        self._compiling: Future = self._pool.submit(lowered.compile)

    def analyse(self) -> int:
        """Waits for the compiler; returns the bytes of state, batch and temporaries."""
        memory = self._compiling.result().memory_analysis()
        needed = memory.argument_size_in_bytes + memory.temp_size_in_bytes
        self.bytes_by_batch[self.batch] = needed
        return needed

    def take(self) -> dict[str, Any]:
        """Takes a few steps; returns the clips a second, or why there are none."""
        try:
            seconds = self._step.seconds(self._compiling.result(), STEPS)
        except jax.errors.JaxRuntimeError as error:
            return {"fits": False, "error": str(error).splitlines()[0]}
        return {"fits": True, "clips_per_s": self.batch / seconds}


def largest(bytes_by_batch: Mapping[int, int], memory: int) -> int:
    """Returns the most clips that fit, by the line through the last two batches, or in proportion to one."""
    (batch, needed), *others = sorted(bytes_by_batch.items(), reverse=True)
    slope = needed / batch
    if others:
        smaller, less = others[0]
        slope = (needed - less) / (batch - smaller)
    return batch + int((memory - needed) // slope)


def run(settings: Settings, journal: Journal) -> None:
    """Compiles each mode for the training's batch, for a bound, and for the largest batch; all take steps."""
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit", settings.sizes.memory)
    memory = int(USABLE * limit)
    with ThreadPoolExecutor() as pool:
        modes = [Mode(name, settings, pool) for name in MODES]
        for what in ("batch", "bound", "largest"):
            for mode in modes:
                _measure(mode, what, memory, journal)
            modes = [mode for mode in modes if _improves(mode, memory)]


def _measure(mode: Mode, what: str, memory: int, journal: Journal) -> None:
    needed = mode.analyse()
    figures = mode.take() if needed <= memory else {"fits": False, "error": "by the analysis"}
    journal.write(what, mode=mode.name, batch=mode.batch, needed_bytes=needed, memory_bytes=memory, **figures)


def _improves(mode: Mode, memory: int) -> bool:
    """Starts to compile for the best estimate so far; returns whether that is a batch not tried yet."""
    batch = largest(mode.bytes_by_batch, memory)
    if batch < 1 or batch in mode.bytes_by_batch:
        return False
    mode.begin(batch)
    return True
