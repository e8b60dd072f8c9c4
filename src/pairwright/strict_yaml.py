"""YAML as recipes are written in it: plain values, and no key twice.

A recipe may come from a stranger, so that its text is bounded before it is turned into values: ten lines of aliases can
stand for a billion values, and brackets inside brackets exhaust the stack.
"""

from typing import Any

import yaml

LONGEST = 2**20
"""Characters of a text."""
_DEEPEST = 50
"""Lists and mappings inside each other."""
_MOST = 100_000
"""Values of a text, those behind an alias counted each time they are used."""
_SHOWN = 40


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML values; a key that is there twice is an error, where YAML libraries take the last one silently."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0
        self._sizes: dict[
            int, tuple[int, int]
        ] = {}  # by id of a finished node: (values in it, levels below it)

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        is_alias, line = isinstance(event, yaml.AliasEvent), event.start_mark.line + 1
        self._level += 1
        if self._level > _DEEPEST:
            raise _too_deep(line)
        node: yaml.Node = super().compose_node(parent, index)  # type: ignore[assignment]  # never None here
        self._level -= 1
        if not is_alias:
            self._sizes[id(node)] = self._size_of(node)
        elif id(node) not in self._sizes:
            raise yaml.YAMLError(f"line {line}: an alias of what it stands in")
        values, levels = self._sizes[id(node)]
        if values > _MOST:
            raise yaml.YAMLError(f"line {line}: more than {_MOST:,} values, aliases written out")
        if levels + self._level > _DEEPEST:
            raise _too_deep(line)
        return node

    def compose_mapping_node(self, anchor: dict[Any, yaml.Node]) -> yaml.MappingNode:
        # Here keys are still those of the file; later ``<<`` puts others among them, which may be there again.
        node = super().compose_mapping_node(anchor)
        lines: dict[str, int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                line = key.start_mark.line + 1
                if key.value in lines:
                    raise yaml.YAMLError(f"line {line}: {key.value!r} is in line {lines[key.value]} already")
                lines[key.value] = line
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            return super().construct_object(node, deep)
        line = node.start_mark.line + 1
        if "\0" in node.value or any("\ud800" <= letter <= "\udfff" for letter in node.value):
            raise yaml.YAMLError(
                f"line {line}: {_short(node)} holds what is no text: U+0000 or half a character"
            )
        try:
            return super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, OverflowError) as error:  # 2001-99-99, !!bool x
            kind = node.tag.rpartition(":")[2]
            raise yaml.YAMLError(f"line {line}: {_short(node)} is no {kind}; a text needs quotes") from error

    def _size_of(self, node: yaml.Node) -> tuple[int, int]:
        """Return how many values are in a node, itself one of them, and how many levels are below it."""
        members = [
            self._sizes[id(inner)]
            for member in (node.value if isinstance(node, yaml.CollectionNode) else ())
            for inner in (member if isinstance(member, tuple) else (member,))
        ]
        levels = 1 + max((levels for _, levels in members), default=0) if members else 0
        return 1 + sum(values for values, _ in members), levels


def read_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        yaml.YAMLError: with the line.

    >>> read_yaml("{a: 1, a: 2}")
    Traceback (most recent call last):
    yaml.error.YAMLError: line 1: 'a' is in line 1 already
    """
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"longer than {LONGEST:,} characters")
    loader = _StrictLoader(text)
    try:
        return loader.get_single_data()
    except (ValueError, OverflowError) as error:  # an escape like "\U00110000", in the scanner
        raise yaml.YAMLError(f"line {loader.line + 1}: {error}") from error
    finally:
        loader.dispose()


def _too_deep(line: int) -> yaml.YAMLError:
    return yaml.YAMLError(f"line {line}: more than {_DEEPEST} lists and mappings inside each other")


def _short(node: yaml.ScalarNode) -> str:
    shown = repr(node.value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
