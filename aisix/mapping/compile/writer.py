"""The source being written: lines with indentation, the constants they name, what is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FunctionType
from typing import Any

from aisix.mapping.compile.tidy import tidy
from aisix.mapping.compile.values import Const, Value, Var
from aisix.mapping.interpret.scope import NULL


class Line(str):
    """A line of the source; `only_for` names what it is left out without."""

    only_for: str

    def __new__(cls, text: str, only_for: str = "") -> Line:
        line = super().__new__(cls, text)
        line.only_for = only_for
        return line


class Writer:
    """Source lines with indentation, the constants they name, and values already loaded."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.depth = 1
        self.names: dict[str, Any] = {}
        self.count = 0
        self.loaded: list[dict[Any, Value]] = [{}]

    def put(self, line: str, only_for: str = "") -> None:
        """One more line; `only_for`: see Line."""
        self.lines.append(self.line(line, only_for))

    def line(self, text: str, only_for: str = "") -> Line:
        """A line of the block that is being written, to stand at another place of it."""
        return Line("    " * self.depth + text, only_for)

    def new(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def let(self, text: str) -> str:
        """A new variable with this value."""
        name = self.new()
        self.put(f"{name} = {text}")
        return name

    def const(self, value: Any) -> str:
        if value is None or type(value) in (bool, int, str):
            return repr(value)
        self.count += 1
        name = f"{_label(value)}{self.count}"
        self.names[name] = value
        return name

    def say(self, value: Value) -> str:
        return self.const(value.value) if type(value) is Const else value.name  # type: ignore[union-attr]

    def written(self, value: Value) -> str:
        """As part of an object that is sent: NULL is null there."""
        if type(value) is Const:
            return "None" if value.value is NULL else self.say(value)
        name = self.say(value)
        return f"None if {name} is NULL else {name}" if value.null else name  # type: ignore[union-attr]

    @contextmanager
    def block(self, start: str) -> Iterator[None]:
        """Lines below `start:`; what is loaded there is not known after it."""
        self.put(start + ":")
        before = len(self.lines)
        self.depth += 1
        self.loaded.append({})
        yield
        if len(self.lines) == before:
            self.put("pass")
        self.loaded.pop()
        self.depth -= 1

    @contextmanager
    def function(self, functions: list[str], start: str) -> Iterator[None]:
        """Lines of a function of their own."""
        saved = self.lines, self.depth, self.loaded
        self.lines, self.depth, self.loaded = [Line(start + ":")], 1, [{}]
        yield
        functions.append("\n".join(tidy(self.lines)))
        self.lines, self.depth, self.loaded = saved

    def is_there(self, name: str) -> None:
        """From here on, in this block, the variable is known not to be None."""
        for level in self.loaded[:]:
            for key, value in list(level.items()):
                if type(value) is Var and value.name == name:
                    self.loaded[-1][key] = replace(value, sure=True)

    def known(self, key: Any) -> Value | None:
        for level in reversed(self.loaded):
            found: Value | None = level.get(key)
            if found is not None:
                return found
        return None


def _label(value: Any) -> str:
    """The beginning of a constant's name; a number makes it unlike any other name."""
    if type(value) is FunctionType and value.__name__.isidentifier():
        return value.__name__.strip("_") + "_"
    return "K"
