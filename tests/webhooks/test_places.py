"""Streams take places; one client may wait for one, the others hear at once that there is none."""

import threading

from webhooks.places import Places


def test_one_waits_and_the_next_is_refused_at_once() -> None:
    places = Places(1)
    assert places.take()
    got: list[bool] = []
    waiting = threading.Thread(target=lambda: got.append(places.take()))
    waiting.start()
    while not places._waiting.locked():
        pass
    assert not places.take()
    places.give_back()
    waiting.join(5)
    assert got == [True]
    assert not places.take()


def test_without_places_nobody_waits() -> None:
    assert not Places(0).take()
    assert not Places(0)._waiting.locked()
