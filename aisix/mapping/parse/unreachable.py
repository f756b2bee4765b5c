"""What can never happen in a set of rules: an alternative behind one that always comes first, two
rules that write the same place.

Only what is certain is told: conditions are compared test by test, never evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from aisix.mapping.syntax.paths import Path
from aisix.mapping.syntax.rules import Condition, Rule, Shape, Test


def unreachable(
    rows: Sequence[tuple[str, Condition | None]], sure: Collection[str]
) -> Iterator[tuple[str, str]]:
    """(row, why) for rows tried in order of which an earlier one holds whenever the row does.

    sure: the rows after which no other is tried, and that were not put in front on purpose.
    """
    for number, (name, guard) in enumerate(rows):
        for earlier, before in rows[:number]:
            if earlier in sure and implied(before, guard):
                always = before is None or not (before.when or before.unless)
                how = "always holds" if always else "holds whenever this does"
                yield name, f'never reached: "{earlier}" before it {how}'
                break


def hidden(parts: Sequence[tuple[str, Rule]], hiding: Collection[str]) -> Iterator[tuple[str, str]]:
    """The same for a `first`: a rule that may yield nothing though it holds hides no other."""
    sure = {name for name, rule in parts if _sure(rule) and name in hiding}
    return unreachable([(name, rule.guard) for name, rule in parts], sure)


def implied(earlier: Condition | None, later: Condition | None) -> bool:
    """Whether `earlier` holds whenever `later` does."""
    if earlier is None:
        return True
    when, unless = (later.when, later.unless) if later is not None else ((), ())
    return all(any(_follows(test, known) for known in when) for test in earlier.when) and all(
        any(test == known for known in unless) for test in earlier.unless
    )


def _follows(test: Test, known: Test) -> bool:
    """Whether `test` is true when `known` is."""
    if test.path.text != known.path.text or test.many != known.many:
        return False
    if test == known:
        return True
    match test.kind, known.kind:
        case "present", ("is" | "in" | "matches" | "below" | "above"):
            return not known.many
        case "in", "is":
            plain = type(known.value) not in (dict, list)
            return plain and (type(known.value), known.value) in test.value
        case "in", "in":
            return bool(known.value <= test.value)
        case "above", "is":
            return type(known.value) in (int, float) and known.value > test.value
        case "below", "is":
            return type(known.value) in (int, float) and known.value < test.value
        case "above", "in":
            return all(kind in (int, float) and v > test.value for kind, v in known.value)
        case "below", "in":
            return all(kind in (int, float) and v < test.value for kind, v in known.value)
        case "above", "above":
            return bool(known.value >= test.value)
        case "below", "below":
            return bool(known.value <= test.value)
    return False


def _sure(rule: Rule) -> bool:
    """Whether a rule that holds always yields a value."""
    return (
        rule.kind == "value"
        and rule.value not in (None, [], {})
        and not (rule.converts or rule.tables or rule.policy or rule.each or rule.shape)
        and not (rule.types or rule.where)
    )


def too_early(lets: Sequence[str], path: Path, at: tuple[str, ...]) -> str:
    """Why what a [let] asks for is not there yet; "" when it is, or something else asks.

    lets: all of them, in the order they are worked out.
    """
    if path.root != "let" or at[:2] != ("request", "let"):
        return ""
    word = str(path.steps[0])
    if at[2] not in lets or lets.index(word) < lets.index(at[2]):
        return ""
    if word == at[2]:
        return f'finds nothing: "{path.text}" is what this makes'
    return f'finds nothing yet: write before = "{at[2]}" in [let.{word}]'


def too_late(fields: Sequence[str], path: Path, at: tuple[str, ...]) -> str:
    """Why a field that another [field] asks for is not written yet; "" when it is, or something
    else asks.

    fields: all of them, in the order they are written.
    """
    word = str(path.steps[0])
    if at[1] != "field" or at[2] not in fields or fields.index(word) < fields.index(at[2]):
        return ""
    if word == at[2]:
        return f'finds nothing: "{path.text}" is what this makes'
    return f'finds nothing yet: "{word}" is written after it; let both ask for a [let]'


def overlapping(paths: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    """(path, the one it lies in) of two that would be written both."""
    for path in paths:
        for other in paths:
            length = len(other.steps)
            if (
                other is not path
                and length < len(path.steps)
                and path.steps[:length] == other.steps
            ):
                yield path, other


def fields_of(shape: Shape | None) -> set[str] | None:
    """The names of every field an item of this shape can have; None when that cannot be known."""
    names: set[str] = set()
    waiting, seen = [shape], set()
    while waiting:
        one = waiting.pop()
        if one is None or one.verbatim or one.of != "object" or one.several is not None:
            return None
        if id(one) not in seen:
            seen.add(id(one))
            names.update(name for rules in (one.fields, one.all) for name, _ in rules)
            waiting += [*one.variants.values(), *(below for _, below in one.first)]
    return names


def twice_written(shape: Shape) -> Iterator[tuple[str, str]]:
    """(field, variant) that `all` and a variant write both."""
    for field, _ in shape.all:
        named = [*shape.variants.items(), *((v.name, v) for _, v in shape.first)]
        for word, variant in named:
            if any(field == name for name, _ in variant.fields):
                yield field, word
                break
