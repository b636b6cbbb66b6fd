"""What MLflow accepts as keys and values, and how anything else is made to fit without being lost."""

from __future__ import annotations

import hashlib
import posixpath
import re
from collections.abc import Mapping

KEY_LENGTH = 250
PARAMETER_LENGTH = 6000
TAG_LENGTH = 8000
DIGEST_LENGTH = 36
METRICS_PER_BATCH = 900  # MLflow refuses more than 1000 entities in one request

_REFUSED = re.compile(r"[^A-Za-z0-9_\-. :/]")


def shorten(text: str, limit: int) -> str:
    """The text, with its end replaced by an ellipsis where it is longer than `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def key(text: str) -> str:
    """The nearest key that MLflow accepts: `_` for characters it refuses, a digest for what is too long."""
    kept = _REFUSED.sub("_", text) or "_"
    if posixpath.normpath(kept) != kept or kept.startswith((".", "/")):
        kept = "_" + kept.replace("/", "_")
    if len(kept) <= KEY_LENGTH:
        return kept
    return f"{kept[: KEY_LENGTH - 9]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


def parameters(values: Mapping[str, object]) -> dict[str, str]:
    """Parameters as MLflow accepts them; two keys that would become one stay two."""
    accepted: dict[str, str] = {}
    for name, value in values.items():
        unique = base = key(name)
        number = 2
        while unique in accepted:
            unique = f"{base[: KEY_LENGTH - 5]}_{number}"
            number += 1
        accepted[unique] = shorten(str(value), PARAMETER_LENGTH)
    return accepted


def tags(values: Mapping[str, object]) -> dict[str, str]:
    """Tags as MLflow accepts them."""
    return {key(name): shorten(str(value), TAG_LENGTH) for name, value in values.items()}
