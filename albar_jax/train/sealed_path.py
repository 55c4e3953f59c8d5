"""Makes orbax write checksums into a checkpoint before the checkpoint gets its name."""

import asyncio
import os

from orbax.checkpoint.path import atomicity

from albar_jax.storage import seals
from albar_jax.storage.temporary import sync

_TEMPORARY = ".orbax-checkpoint-tmp"


class SealedPath(atomicity.AtomicRenameTemporaryPath):
    """A temporary folder that gets checksums and is synced to the disk before it is renamed.

    Orbax finalizes it in a thread of process 0 after all processes have written their arrays.
    """

    async def finalize(self) -> None:
        """Completes the folder, adds checksums and renames it."""
        final = self._final_path
        # A folder inside a checkpoint is covered by the checksums of the checkpoint.
        if _TEMPORARY in final.parent.name:
            await super().finalize()
            return

        # Orbax completes the metadata and renames in one call, so let it rename to another temporary name.
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
