"""Which of several schemas are held to, when a limit of their sum does not let all of them."""

from __future__ import annotations

Cost = tuple[int, int]
_MOST = 64  # schemas whose combinations are tried


def most_within(costs: list[Cost], room: Cost, most: int) -> list[int]:
    """The numbers of as many as fit: `room` bounds the sum of either cost, `most` their number."""
    able = [n for n, cost in enumerate(costs) if cost[0] <= room[0] and cost[1] <= room[1]]
    if len(able) <= most and all(
        sum(costs[n][side] for n in able) <= room[side] for side in (0, 1)
    ):
        return able
    if len(able) > _MOST:  # of many, the dear ones have no chance anyway
        able.sort(key=lambda n: sum(c / (r + 1) for c, r in zip(costs[n], room, strict=True)))
        able = sorted(able[:_MOST])
    # For each sum that can be had, the most schemas it can be made of; earlier ones first.
    best: dict[Cost, tuple[int, ...]] = {(0, 0): ()}
    for n in able:
        for (first, second), chosen in list(best.items()):
            spent = first + costs[n][0], second + costs[n][1]
            if spent[0] > room[0] or spent[1] > room[1] or len(chosen) == most:
                continue
            if len(chosen) + 1 > len(best.get(spent, ())):
                best[spent] = (*chosen, n)
    sums = {chosen: cost for cost, chosen in best.items()}
    return [
        *max(sums, key=lambda chosen: (len(chosen), -sum(sums[chosen])))
    ]  # the cheapest of those
