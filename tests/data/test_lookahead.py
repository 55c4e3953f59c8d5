"""Claim: results computed ahead come in order, a bounded number of them waits, and threads end."""

import contextlib
import itertools
import threading
import time

import pytest

from albar_jax.data.lookahead import chain_ahead


def test_the_results_of_all_items_come_in_order():
    def count(item):
        time.sleep(0.01 * (3 - item % 3))
        yield from ((item, number) for number in range(item % 4))

    results = list(chain_ahead(count, range(9), threads=3, ahead=1))
    assert results == [(item, number) for item in range(9) for number in range(item % 4)]


def test_an_endless_item_waits_for_the_consumer_and_ends_with_it():
    made = []

    def endless(item):
        for number in itertools.count():
            made.append((item, number))
            yield item, number

    before = threading.active_count()
    with contextlib.closing(chain_ahead(endless, range(100), threads=2, ahead=3)) as results:
        assert [next(results) for _ in range(5)] == [(0, number) for number in range(5)]
        time.sleep(0.2)
        # Of each item: taken, waiting, and one that has no place to wait yet.
        assert len([item for item, _ in made if item == 0]) <= 5 + 3 + 1
        assert len([item for item, _ in made if item == 1]) <= 3 + 1
        assert {item for item, _ in made} == {0, 1}
    assert threading.active_count() == before


def test_an_error_comes_in_its_place():
    def fail(item):
        yield item
        if item == 1:
            raise KeyError(item)

    results = chain_ahead(fail, range(4), threads=2, ahead=1)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError):
        next(results)
