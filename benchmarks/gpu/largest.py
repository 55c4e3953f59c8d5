"""Searches the largest batch that fits, for each memory mode, by memory analysis and a step."""

import collections
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

import jax

from benchmarks.gpu.journal import Journal
from benchmarks.gpu.settings import Settings
from benchmarks.gpu.steps import Step, config_of

# Method and config changes, most important first.
MODES: dict[str, tuple[str, Mapping[str, Any]]] = {
    "albar, dots": ("albar", {"model.remat": "dots"}),
    "ce, dots": ("ce", {"model.remat": "dots"}),
    "albar, full": ("albar", {"model.remat": "full"}),
    "albar, full, two_pass": ("albar", {"model.remat": "full", "methods.albar.memory": "two_pass"}),
    "ce, none": ("ce", {"model.remat": "none"}),
    "albar_fast, dots": ("albar_fast", {"model.remat": "dots"}),
    "ce, full": ("ce", {"model.remat": "full"}),
    "albar, none": ("albar", {"model.remat": "none"}),
}
# Usable share of the memory, because the allocator leaves gaps.
USABLE = 0.95
# Steps whose median time is the speed of a batch.
STEPS = 3
# Batches tried per mode.
TRIES = 4
# Modes searched at the same time.
AT_ONCE = 4


class Mode:
    """The search in one mode; every batch improves the estimate of the largest."""

    def __init__(self, name: str, settings: Settings, memory: int):
        self.name = name
        self.largest: dict[str, Any] = {"batch": 0}
        self._settings = settings
        self._memory = memory
        self._bytes_by_batch: dict[int, int] = {}
        self._next: int | None = settings.sizes.batch

    def begin(self, pool: ThreadPoolExecutor) -> Future:
        """Traces the step for the next batch and starts its compilation."""
        method, changes = MODES[self.name]
        config = config_of(self._settings, method, batch_size=self._next, **changes)
        self._step = Step(config)
        lowered = self._step.trace().lower()
        return pool.submit(lowered.compile)

    def take(self, compiling: Future) -> dict[str, Any]:
        """Runs a few steps if they fit by the analysis. Returns the figures."""
        batch = self._step.config.batch_size
        figures = {"batch": batch, "fits": False}
        try:
            compiled = compiling.result()
            figures["needed_bytes"] = needed = _needed(compiled)
            if needed <= self._memory:
                seconds = self._step.seconds(compiled, STEPS)
                figures |= {"fits": True, "clips_per_s": batch / seconds}
        except jax.errors.JaxRuntimeError as error:
            self._next = None
            return figures | {"error": str(error).splitlines()[0]}

        self._bytes_by_batch[batch] = needed
        self._next = self._better()
        if figures["fits"] and batch > self.largest["batch"]:
            self.largest = figures

        return figures

    @property
    def is_over(self) -> bool:
        """Returns whether no better batch is left to try."""
        return self._next is None

    def _better(self) -> int | None:
        batch = largest(self._bytes_by_batch, self._memory)
        is_new = batch > 0 and batch not in self._bytes_by_batch
        return batch if is_new and len(self._bytes_by_batch) < TRIES else None


def _needed(compiled: jax.stages.Compiled) -> int:
    """Returns the bytes of state, batch and temporaries.

    The new state reuses the old one's memory.
    """
    memory = compiled.memory_analysis()
    return memory.argument_size_in_bytes + memory.temp_size_in_bytes


def largest(bytes_by_batch: Mapping[int, int], memory: int) -> int:
    """Returns the number of clips that fit, by a line through the two largest batches.

    With only one batch, bytes are assumed proportional to it.
    """
    (batch, needed), *others = sorted(bytes_by_batch.items(), reverse=True)
    slope = needed / batch
    if others:
        smaller, less = others[0]
        slope = (needed - less) / (batch - smaller)
    return batch + int((memory - needed) // slope)


def run(settings: Settings, journal: Journal) -> None:
    """Searches all modes, a few at a time, so that compilation and steps overlap."""
    limit = (jax.devices()[0].memory_stats() or {}).get("bytes_limit", settings.sizes.memory)
    memory = int(USABLE * limit)
    names = list(MODES)[: settings.sizes.modes]
    waiting = collections.deque(Mode(name, settings, memory) for name in names)
    compiling: dict[Future, Mode] = {}

    with ThreadPoolExecutor(AT_ONCE) as pool:
        while waiting or compiling:
            if waiting:
                mode = waiting.popleft()
                compiling[mode.begin(pool)] = mode
            may_begin = waiting and len(compiling) < AT_ONCE
            ready, _ = wait(compiling, 0 if may_begin else None, FIRST_COMPLETED)
            for future in ready:
                mode = compiling.pop(future)
                figures = mode.take(future)
                journal.write("tried", mode=mode.name, memory_bytes=memory, **figures)
                if mode.is_over:
                    journal.write("largest", mode=mode.name, **mode.largest)
                else:
                    # Finish one mode first: one complete result is worth more than two partial
                    # ones.
                    waiting.appendleft(mode)
