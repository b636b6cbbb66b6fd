"""A pipeline file as a whole: one pipeline, several that differ by their architecture and seed alone, or a search."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from convspec.base import Name
from convspec.layers import Layer
from convspec.pipeline import Pipeline
from convspec.search import Search, SearchKey
from convspec.spec import Field, Spec
from convspec.variations import Variations


class PipelineFile(Spec):
    """One pipeline, several that differ by their architecture and seed alone, or a search for the best one."""

    @classmethod
    @cache
    def fields(cls) -> Mapping[str, Field]:
        """Those of a pipeline, of which `network` may be left out, those that stand for several, and the search."""
        one, several = dict(Pipeline.fields()), dict(Variations.fields())
        one["network"] = one["network"]._replace(default=None)
        networks = dict[Name, tuple[Layer, ...]]
        several["architectures"] = several["architectures"]._replace(annotation=networks)
        searched = SearchKey.fields()["search"]._replace(annotation=Search | None, default=None)
        return one | several | {"search": searched}

    @classmethod
    def json_schema_rules(cls) -> Mapping[str, Any]:
        either = [{"required": ["network"]}, {"required": ["architectures"]}]
        return {"oneOf": either, "not": {"required": ["seed", "seeds"]}}
