"""Makes orbax seal a checkpoint before it gets its name."""

import asyncio
import os

from orbax.checkpoint.path import atomicity

from albar_jax import seals
from albar_jax.temporary import sync

_TEMPORARY = ".orbax-checkpoint-tmp"


class SealedPath(atomicity.AtomicRenameTemporaryPath):
    """A temporary folder that is written to the disk, with checksums, before it is renamed.

    Orbax finalizes it in its own thread of process 0, after all processes have written their arrays.
    """

    async def finalize(self) -> None:
        """Completes the folder, seals it and renames it."""
        final = self._final_path
        # A folder within a checkpoint is sealed with the checkpoint.
        if _TEMPORARY in final.parent.name:
            await super().finalize()
            return

        # Orbax completes its metadata and renames in one call, so it renames to another temporary name.
        unsealed = final.with_name(f"{final.name}{_TEMPORARY}-unsealed")
        self._final_path = unsealed
        try:
            await super().finalize()
        finally:
            self._final_path = final
        await asyncio.to_thread(_seal, os.fspath(unsealed), os.fspath(final))


def _seal(unsealed: str, final: str) -> None:
    seals.seal(unsealed)
    os.rename(unsealed, final)
    sync(os.path.dirname(final))
