"""What nodes of a cluster differ in, and for how long before it is a warning; by a given clock."""

from __future__ import annotations

from aisix.store.nodes import PATIENCE_SECS, Node, ToldDifferences, differing, warnings

BEGAN = 1_000_000.0
NODES = (
    Node(name="node-a", version="1", tables="a1b2", settings="s"),
    Node(name="node-b", version="1", tables="a1b2", settings="s"),
    Node(name="node-c", version="1", tables="c3d4", settings="s"),
)


def test_two_digests_on_three_nodes_are_a_warning_after_five_minutes_and_not_before() -> None:
    assert differing(NODES) == {"tables": {"a1b2": ("node-a", "node-b"), "c3d4": ("node-c",)}}
    assert PATIENCE_SECS == 300
    since = {"tables": BEGAN}
    assert warnings(NODES, since, BEGAN + 300) == []
    assert warnings(NODES, since, BEGAN + 301) == [
        "for 5 min: 2 table digests on 3 nodes: a1b2 on node-a, node-b; c3d4 on node-c"
    ]
    assert warnings(NODES, {}, BEGAN + 301) == [], "nobody knows since when"


def test_nodes_that_came_to_say_the_same_are_no_warning() -> None:
    alike = NODES[:2]
    assert differing(alike) == {}
    assert warnings(alike, {"tables": BEGAN}, BEGAN + 3000) == []


def test_a_node_that_starts_or_says_nothing_differs_from_nobody() -> None:
    others = (Node(name="d", version="2", starting=True), Node(name="e", version="1", settings="s"))
    assert differing((*NODES[:2], *others)) == {}


def test_the_log_tells_each_difference_once_also_one_that_comes_later() -> None:
    told, since = ToldDifferences(), {"tables": BEGAN, "version": BEGAN + 600}
    assert told.news(NODES, since, BEGAN + 300) == []
    assert len(told.news(NODES, since, BEGAN + 301)) == 1
    assert told.news(NODES, since, BEGAN + 400) == [], "only the minutes are others"
    later = told.news((*NODES, Node(name="node-d", version="0")), since, BEGAN + 901)
    assert [one.split(": ")[1] for one in later] == ["2 versions on 4 nodes"]
    assert told.news(NODES[:2], since, BEGAN + 1000) == []
    assert len(told.news(NODES, since, BEGAN + 1001)) == 1, "it came again"
