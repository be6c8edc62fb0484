"""JSON schema of YAML files: what an editor completes keys by, and explains them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from tfmm.config.section import Section

DIALECT = GenerateJsonSchema.schema_dialect


def json_schema(form: type[Section]) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a file of one form."""
    made = form.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, **_on_one_line(made)}


def json_schemas(forms: Mapping[str, type[Section]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The JSON schemas of several forms, which share their definitions.

    Returns:
        The schema by name, and what belongs under `$defs`.
    """
    made, shared = models_json_schema(
        [(form, "validation") for form in forms.values()], schema_generator=_Generator
    )
    by_name = {name: made[form, "validation"] for name, form in forms.items()}
    return _on_one_line(by_name), _on_one_line(shared["$defs"])


class _Generator(GenerateJsonSchema):
    """Leaves out what editors would show or insert without use: titles and empty defaults."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: Any) -> dict[str, Any]:
        made = super().model_schema(schema)
        made.pop("title", None)
        return made

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        made = super().tagged_union_schema(schema)
        made.pop("discriminator", None)  # OpenAPI's, unknown to JSON schema
        return made

    def default_schema(self, schema: Any) -> dict[str, Any]:
        made = super().default_schema(schema)
        if made.get("default") is None or isinstance(made["default"], dict):
            made.pop("default", None)
        return made


def _on_one_line(schema: Any) -> Any:
    """A schema whose descriptions do not break where the source does."""
    if isinstance(schema, list):
        return [_on_one_line(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: " ".join(value.split())
        if key == "description" and isinstance(value, str)
        else _on_one_line(value)
        for key, value in schema.items()
    }
