"""Validators for the schemas that are published."""

from typing import Any

from jsonschema import Draft202012Validator, FormatChecker


def validator(schema: dict[str, Any], components: dict[str, Any]) -> Draft202012Validator:
    """Return a validator of *schema*, whose references lead into *components*."""
    root = {**schema, "components": {"schemas": components}}
    Draft202012Validator.check_schema(root)
    return Draft202012Validator(root, format_checker=FormatChecker())
