"""Plain values as YAML that reads back as it was."""

from __future__ import annotations

import re

import yaml

from convspec.nodes import resolve


class _Dumper(yaml.SafeDumper):
    """Quotes where PyYAML on its own would not: texts that only our reading takes for numbers, and unusual line ends."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = not isinstance(resolve(text), str) or re.search("[\x85\u2028\u2029]", text)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if quoted else None)


_Dumper.add_representer(str, _text)


def yaml_text(value: object) -> str:
    """The YAML text of a plain value, keys in their order."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return text
