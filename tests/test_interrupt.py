"""Claims about requests to stop, alone and nested."""

import signal

from albar_jax.train.signals import StopRequest


def test_a_nested_request_passes_its_signal_on():
    with StopRequest() as outer:
        with StopRequest() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert inner.signal_name == "SIGTERM"
        assert outer.signal_name == "SIGTERM"


def test_a_nested_request_knows_the_signal_that_came_before_it():
    with StopRequest() as outer:
        signal.raise_signal(signal.SIGTERM)
        with StopRequest() as inner:
            assert inner.signal_name == outer.signal_name == "SIGTERM"


def test_a_later_request_knows_no_earlier_signal():
    with StopRequest() as first:
        signal.raise_signal(signal.SIGTERM)
        assert first.signal_name == "SIGTERM"
    with StopRequest() as second:
        assert second.signal_name is None


def test_a_second_ctrl_c_interrupts_at_once():
    interrupted = False
    try:
        with StopRequest(), StopRequest():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        interrupted = True

    assert interrupted
