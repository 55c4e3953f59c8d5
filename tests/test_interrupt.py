"""A request to stop, and one inside another."""

import signal

from albar_jax.train.signals import StopRequest


def test_one_inside_another_passes_on_what_it_is_told():
    with StopRequest() as outer:
        with StopRequest() as inner:
            signal.raise_signal(signal.SIGTERM)
            assert inner.signal_name == "SIGTERM"
        assert outer.signal_name == "SIGTERM"


def test_one_inside_another_knows_what_was_asked_before_it():
    with StopRequest() as outer:
        signal.raise_signal(signal.SIGTERM)
        with StopRequest() as inner:
            assert inner.signal_name == outer.signal_name == "SIGTERM"


def test_one_after_another_knows_nothing():
    with StopRequest() as first:
        signal.raise_signal(signal.SIGTERM)
        assert first.signal_name == "SIGTERM"
    with StopRequest() as second:
        assert second.signal_name is None


def test_a_second_ctrl_c_does_not_wait_for_either():
    interrupted = False
    try:
        with StopRequest(), StopRequest():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
    except KeyboardInterrupt:
        interrupted = True
    assert interrupted
