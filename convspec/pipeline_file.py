"""A pipeline file as a whole: one pipeline, or several that differ by their architecture and seed alone."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from convspec.base import Name
from convspec.layers import Layer
from convspec.pipeline import Pipeline
from convspec.spec import Field, Spec
from convspec.variations import Variations


class PipelineFile(Spec):
    """One pipeline, or several that differ by their architecture and seed alone."""

    @classmethod
    @cache
    def fields(cls) -> Mapping[str, Field]:
        """Those of a pipeline, of which `network` may be left out, and those that stand for several."""
        one, several = dict(Pipeline.fields()), dict(Variations.fields())
        one["network"] = one["network"]._replace(default=None)
        networks = dict[Name, tuple[Layer, ...]]
        several["architectures"] = several["architectures"]._replace(annotation=networks)
        return one | several

    @classmethod
    def json_schema_rules(cls) -> Mapping[str, Any]:
        either = [{"required": ["network"]}, {"required": ["architectures"]}]
        return {"oneOf": either, "not": {"required": ["seed", "seeds"]}}
