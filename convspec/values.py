"""Values as people write them in a file: how they are shown in a message, and what was meant by one that is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from convspec.hints import counterpart, nearest


def shown(value: object, *, quotes: bool = True) -> str:
    """A value as it could stand in the file, cut to a length that fits a line; a text on its own may go without quotes."""
    written = value if isinstance(value, str) and not quotes else "nothing" if value is None else _written(value)
    text = "".join(character if character.isprintable() else "?" for character in written)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _written(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {_written(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(_written(item) for item in value)}]"
    if isinstance(value, float) and not float("-inf") < value < float("inf"):
        return ".nan" if value != value else ".inf" if value > 0 else "-.inf"
    return json.dumps(value, ensure_ascii=False)


def correction(kind: str, value: object, context: Mapping[str, Any], *, pairs: bool) -> str:
    """What to write instead of a value that the core found wrong; `pairs`: two numbers would do as well."""
    match kind, value:
        case "literal_error", str():
            known = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            meant = counterpart(value, known) or nearest(value, known)
            instead = f"{value.removesuffix('/test')}/validation"
            if instead in known:
                return f"Test examples are kept for the end, and choosing by them would spoil them. Take {instead}."
            return f"Did you mean {meant}?" if meant else ""
        case "int_type" | "float_type", str():
            meant = (meant_pair(value) if pairs else None) or meant_number(value, whole=kind == "int_type")
            return f"Write {meant}." if meant else ""
        case "bool_type", _:
            return f"Write {_meant_truth(value) or 'true or false'}."
        case "string_type", bool() | dict():
            return "Put it in quotes."
        case "string_type", int() | float():
            return f"Put it in quotes: {shown(str(value))}."
        case "string_pattern_mismatch", str():
            meant = _meant_name(value)
            return f"Write {meant}." if meant else ""
        case "tuple_type", dict():
            return f"Begin each entry with a dash: `- {next(iter(value), 'relu')}: ...`."
        case "tuple_type", int() | float():
            return f"Write [{shown(value)}]."
    return ""


def meant_number(text: str, *, whole: bool) -> str | None:
    """The number that somebody meant who wrote a text: in quotes, with a comma, in hexadecimal, with a unit."""
    bare = text.strip().replace("_", "")
    if re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", bare) and whole:
        return bare.replace(",", "")
    if re.fullmatch(r"0[xXoObB][0-9a-fA-F]+", bare):
        return _in_decimal(bare)
    if re.fullmatch(r"[-+]?\d+(\.\d+)?%", bare) and not whole:
        return f"{float(bare[:-1]) / 100:g}"
    number = re.match(r"[-+]?\d+" if whole else r"[-+]?\d*[.,]?\d+([eE][-+]?\d+)?", bare)
    if number is None or not re.fullmatch(r"\s*[A-Za-z]*", bare[number.end() :]):
        return None
    return number[0].replace(",", ".")


def _in_decimal(text: str) -> str | None:
    digits, base = text[2:], {"x": 16, "o": 8, "b": 2}[text[1].lower()]
    return str(int(digits, base)) if all(int(digit, 16) < base for digit in digits) else None


def meant_pair(text: str) -> str | None:
    """`[3, 5]` for 3x5, 3 x 5 or (3, 5); three numbers alike."""
    sides = re.fullmatch(r"\s*\(?\s*(\d+)\s*[xX*,]\s*(\d+)\s*(?:[xX*,]\s*(\d+)\s*)?\)?\s*", text)
    return f"[{', '.join(side for side in sides.groups() if side)}]" if sides else None


def _meant_truth(value: object) -> str | None:
    """`true` or `false` for a word or number that stands for it elsewhere."""
    word = str(value).lower()
    if word in ("yes", "y", "on", "true", "1"):
        return "true"
    return "false" if word in ("no", "n", "off", "false", "0") else None


def _meant_name(text: str) -> str | None:
    """The name nearest to a text: `my-first-digits` for `my first digits!`."""
    name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-_")
    return name[:100] if name[:1].isalpha() else None
