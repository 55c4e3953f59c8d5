"""An unpickler in Python that limits the steps, memory and time of a pickle.

Python's `pickle.Unpickler` runs in C, so its steps cannot be counted. A few bytes can make it hash
forever, crash by recursion, fill the memory with its memo, or copy one string a million times.
"""

import pickle
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, BinaryIO

# Maximum number of steps of a pickle. One step makes at most one object, of 200 bytes or the size
# of its contents. The boxes of UCF101 and the weights of a network need fewer than 1e6 steps.
MAX_STEPS = 5_000_000
# Maximum CPU time in seconds. A single step can be slow if keys collide.
MAX_SECONDS = 120.0
# Bytes that calls may copy: a multiple of the pickle's length plus a constant.
_TIMES = 4
_ROOM = 1 << 24
_BYTES_PER_ITEM = 16
# Limits of a key: items of a tuple, and bits of an integer.
_LONGEST_KEY = 16
_KEY_BITS = 128
# Steps between two checks of the limits.
_LOOK_EVERY = 1 << 10
# Bytes that may be read without a check of the file's length.
_UNCHECKED = 1 << 16
_STEPS: dict[int, Callable] = dict(pickle._Unpickler.dispatch)


class _Exact:
    """A file that raises EOFError if fewer bytes are left than requested.

    It does so before it allocates memory.
    """

    def __init__(self, file: BinaryIO):
        self._file = file
        here = file.tell()
        self._end = file.seek(0, 2)
        file.seek(here)
        self.size = self._end - here
        self.readline = file.readline

    def read(self, size: int) -> bytes:
        """Returns exactly `size` bytes."""
        if size > _UNCHECKED and size > self._end - self._file.tell():
            raise EOFError("it is cut off")

        data = self._file.read(size)
        if len(data) < size:
            raise EOFError("it is cut off")

        return data


class _Counted(dict):
    """A dict of the steps by opcode that counts each access."""

    def __init__(self, steps: dict[int, Callable]):
        super().__init__(steps)
        self._count = 0
        self._end = time.thread_time() + MAX_SECONDS

    def __getitem__(self, code: int) -> Callable:
        self._count += 1
        if self._count % _LOOK_EVERY == 0:
            if self._count > MAX_STEPS:
                raise pickle.UnpicklingError(
                    f"it has more than {MAX_STEPS:,} steps, which is the limit"
                )
            if time.thread_time() > self._end:
                raise pickle.UnpicklingError(f"it takes longer than {MAX_SECONDS:g} s to read")

        return super().__getitem__(code)


class LimitedUnpickler(pickle._Unpickler):
    """Reads a pickle within limits.

    Keys of dicts and members of sets must not be containers, except short tuples of plain values:
    hashing a tuple of tuples can take forever.

    Raises:
      pickle.UnpicklingError: a limit is exceeded.
      EOFError: the pickle is cut off.
    """

    # The stub of the standard library omits these: the objects after the last mark, and functions
    # that read bytes and add an object.
    stack: list[Any]
    read: Callable[[int], bytes]
    append: Callable[[object], None]

    def __init__(self, file: BinaryIO, *, encoding: str):
        exact = _Exact(file)
        super().__init__(exact, encoding=encoding)
        self._left = _TIMES * exact.size + _ROOM
        # Hides the attribute of the class, which the stub forbids.
        self.dispatch = _Counted(_STEPS)  # pyright: ignore[reportAttributeAccessIssue]

    def _spend(self, values: Iterable) -> None:
        """Counts the bytes of its arguments that a call may copy."""
        for value in values:
            if isinstance(value, (str, bytes, bytearray)):
                self._left -= len(value)
            elif isinstance(value, (list, tuple, dict, set, frozenset)):
                self._left -= _BYTES_PER_ITEM * len(value)

        if self._left < 0:
            raise pickle.UnpicklingError("it copies its data too often")

    def _check_call(self, arguments: Sequence) -> None:
        """Checks the arguments of a call, which may put them into a dict or a set."""
        self._spend(arguments)
        for argument in arguments:
            if isinstance(argument, (list, tuple)):
                _check_keys(_possible_keys(argument))


def _check_keys(keys: Iterable) -> None:
    for key in keys:
        parts = key if type(key) is tuple else (key,)
        if len(parts) > _LONGEST_KEY or any(_is_costly(part) for part in parts):
            raise pickle.UnpicklingError(
                "a tuple of tuples or a very large number is not allowed as a key"
            )


def _is_costly(part: object) -> bool:
    """Returns whether the hash of a part of a key is recomputed at each use."""
    return isinstance(part, tuple) or (isinstance(part, int) and part.bit_length() > _KEY_BITS)


def _possible_keys(items: list | tuple) -> Iterator:
    """Yields the objects that a dict or a set of these items would hash."""
    for item in items:
        if isinstance(item, (list, tuple)) and item:
            yield item[0]
        if isinstance(item, tuple):
            yield item


def _call_arguments(reader: LimitedUnpickler) -> None:
    arguments = reader.stack[-1]
    if not isinstance(arguments, tuple):
        raise pickle.UnpicklingError("the arguments of a call are not a tuple")

    reader._check_call(arguments)


def _new_object(reader: LimitedUnpickler) -> None:
    arguments, options = reader.stack[-2:]
    reader._check_call((*arguments, *options.values()))


def _state(reader: LimitedUnpickler) -> None:
    state = reader.stack[-1]
    reader._spend(state if isinstance(state, tuple) else (state,))


def _read_bytearray(reader: LimitedUnpickler) -> None:
    """Reads a bytearray. The step of the standard library allocates it before it reads."""
    (length,) = struct.unpack("<Q", reader.read(8))
    reader.append(bytearray(reader.read(length)))


# Checks that run before a step. `stack` holds the objects after the last mark.
_CHECKS: dict[bytes, Callable[[LimitedUnpickler], None]] = {
    pickle.REDUCE: _call_arguments,
    pickle.NEWOBJ: _call_arguments,
    pickle.NEWOBJ_EX: _new_object,
    pickle.OBJ: lambda reader: reader._check_call(reader.stack),
    pickle.INST: lambda reader: reader._check_call(reader.stack),
    pickle.BUILD: _state,
    pickle.SETITEM: lambda reader: _check_keys(reader.stack[-2:-1]),
    pickle.SETITEMS: lambda reader: _check_keys(reader.stack[::2]),
    pickle.DICT: lambda reader: _check_keys(reader.stack[::2]),
    pickle.ADDITEMS: lambda reader: _check_keys(reader.stack),
    pickle.FROZENSET: lambda reader: _check_keys(reader.stack),
}


def _checked(check: Callable[[LimitedUnpickler], None], step: Callable) -> Callable:
    def take(reader: LimitedUnpickler) -> None:
        check(reader)
        step(reader)

    return take


_STEPS[pickle.BYTEARRAY8[0]] = _read_bytearray
_STEPS |= {code[0]: _checked(check, _STEPS[code[0]]) for code, check in _CHECKS.items()}
