"""Turns SIGTERM and Ctrl-C into requests to stop after the current step."""

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType


class StopRequest:
    """A context in which SIGTERM and the first Ctrl-C only set `signal_name`.

    Contexts may be nested: an inner one starts with the signal of the outer one, and passes on the
    signals that it receives.

    Attributes:
      signal_name: name of the received signal, such as "SIGTERM"; None if there was none.
    """

    def __init__(self) -> None:
        self.signal_name: str | None = None

    def __enter__(self) -> "StopRequest":
        self._previous = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            self._previous[number] = signal.signal(number, self._receive)

        outer = self._outer(signal.SIGTERM)
        if outer is not None:
            self.signal_name = outer.signal_name

        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    @property
    def status(self) -> int:
        """Returns the status that shells report for the received signal; 0 if there was none."""
        return 0 if self.signal_name is None else 128 + signal.Signals[self.signal_name]

    @contextlib.contextmanager
    def interrupting(self) -> Iterator[Callable[[], bool]]:
        """A context that the signals interrupt, for work that cannot ask for `signal_name`.

        Yields:
          A function that returns whether the work was interrupted; call it after the context.
        """
        interrupted = False

        def receive(number: int, frame: FrameType | None) -> None:
            self._receive(number, frame)
            raise KeyboardInterrupt

        previous = {}
        for number in (signal.SIGTERM, signal.SIGINT):
            previous[number] = signal.signal(number, receive)

        try:
            yield lambda: interrupted
        except KeyboardInterrupt:
            interrupted = True
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _outer(self, number: int) -> "StopRequest | None":
        """Returns the outer context if it handles this signal."""
        owner = getattr(self._previous[number], "__self__", None)

        return owner if isinstance(owner, StopRequest) else None

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self.signal_name = signal.Signals(number).name
        # A second Ctrl-C ends the process at once.
        signal.signal(signal.SIGINT, self._previous[signal.SIGINT])

        outer = self._outer(number)
        if outer is not None:
            outer._receive(number, frame)
