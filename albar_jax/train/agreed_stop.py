"""Lets all processes of a run stop at the same step."""

import signal

from albar_jax.errors import StorageError
from albar_jax.parallel.exchange import AgreedSignal
from albar_jax.train.signals import StopRequest


class AgreedStop:
    """A request to stop that all processes share before any of them stops.

    Args:
      request: the signals that this process receives.

    Attributes:
      agreed: name of the signal on which all processes stop; None until then.
      fault: a storage fault that the training loop sets, to save its state before the error is
        raised; None if there is none. Only runs of a single process have one.
    """

    def __init__(self, request: StopRequest):
        self._request = request
        self._signal = AgreedSignal()
        self.agreed: str | None = None
        self.fault: StorageError | None = None

    def agree(self) -> str | None:
        """Exchanges the received signals. Collective: all processes must call it each step.

        Returns:
          The name of the signal that stops the run; None to continue.
        """
        name = self._request.signal_name
        # Devices can exchange numbers only; 0 means no signal.
        received = signal.Signals[name] if name else 0

        number = self._signal(received)
        self.agreed = signal.Signals(number).name if number else None

        return self.agreed

    def raise_fault(self) -> None:
        """Raises the fault that stopped the run, after its state is saved."""
        if self.fault is not None:
            raise self.fault
