"""YAML as recipes are written in it: plain values, and no key twice."""

from typing import Any

import yaml


class _StrictLoader(yaml.SafeLoader):
    """Plain YAML values; a key that is there twice is an error, where YAML libraries take the last one silently."""

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


def read_yaml(text: str) -> Any:
    """Return the value of a YAML text.

    Raises:
        yaml.YAMLError: with the line.

    >>> read_yaml("{a: 1, a: 2}")
    Traceback (most recent call last):
    yaml.error.YAMLError: line 1: 'a' is in line 1 already
    """
    loader = _StrictLoader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
