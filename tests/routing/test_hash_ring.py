"""The ring of consistent hashing, against a plain calculation of the same."""

from __future__ import annotations

from collections import Counter

from aisix.routing.hash_ring import HashRing, hashed, units


def plain(data: bytes) -> int:
    found = 0xCBF29CE484222325
    for byte in data:
        found = (found ^ byte) * 0x100000001B3 % 2**64
    found = (found ^ found >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    found = (found ^ found >> 27) * 0x94D049BB133111EB % 2**64
    return found ^ found >> 31


def first(key: str, targets: list[tuple[str, int]]) -> str:
    """By its definition: the point with the least hash from the key's on, else the least of all."""
    points = [
        (plain(name.encode() + b"\0" + number.to_bytes(4, "little")), place, name)
        for place, ((name, _), unit) in enumerate(
            zip(targets, units([weight for _, weight in targets]), strict=True)
        )
        for number in range(160 * unit)
    ]
    later = [one for one in points if one[0] >= plain(key.encode())]
    return min(later or points)[2]


def test_every_key_has_the_target_that_the_definition_gives_it() -> None:
    targets = [("a", 2), ("b", 1), ("größer", 4)]
    ring = HashRing(targets)
    for number in range(40):
        key = f"session-{number}"
        order = ring.order(key)
        assert targets[order[0]][0] == first(key, targets)
        assert sorted(order) == [0, 1, 2]
    assert hashed(b"session") == plain(b"session")


def test_shares_are_by_weight_and_a_target_that_goes_moves_only_its_own_keys() -> None:
    keys = [f"k{n}" for n in range(2000)]
    both, three = HashRing([("a", 2), ("b", 1)]), HashRing([("a", 2), ("b", 1), ("c", 1)])
    share = Counter(both.order(key)[0] for key in keys)[0] / len(keys)
    assert 0.55 < share < 0.8
    moved = [key for key in keys if three.order(key)[0] != both.order(key)[0]]
    assert moved and all(three.order(key)[0] == 2 for key in moved)


def test_weights_by_their_measure_and_never_too_many() -> None:
    assert units([300, 100]) == [3, 1]
    assert units([1000, 1]) == [63, 1]
    assert units([7]) == [1]
