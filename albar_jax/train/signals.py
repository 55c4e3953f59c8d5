"""Being asked to stop: the step in hand is finished and saved first."""

import signal
from types import FrameType


class StopRequest:
    """While entered, SIGTERM and the first Ctrl-C set `signal_name` instead of ending the process.

    One inside another knows what the outer one was told before, and passes on what it is told.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def __enter__(self) -> "StopRequest":
        self._previous = {
            number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)
        }
        outer = self._outer(signal.SIGTERM)
        self.signal_name = None if outer is None else outer.signal_name
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _outer(self, number: int) -> "StopRequest | None":
        owner = getattr(self._previous[number], "__self__", None)
        return owner if isinstance(owner, StopRequest) else None

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name
        # A second Ctrl-C does not wait.
        signal.signal(signal.SIGINT, self._previous[signal.SIGINT])
        outer = self._outer(number)
        if outer is not None:
            outer._note(number, frame)
