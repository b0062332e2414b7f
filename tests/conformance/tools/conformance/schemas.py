"""Schemas that pass as they are written, and arguments that are repeated in headers."""

from typing import Annotated, Any

from mcpgate import Field, tool

ADDRESS = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}


@tool(
    read_only=True,
    input_schema={
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "$defs": {"address": ADDRESS},
        "properties": {
            "name": {"type": "string"},
            "address": {"$ref": "#/$defs/address"},
            "contactMethod": {"type": "string", "enum": ["phone", "email"]},
            "phone": {"type": "string"},
            "email": {"type": "string"},
        },
        "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
        "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
        "then": {"required": ["phone"]},
        "else": {"required": ["email"]},
        "additionalProperties": False,
    },
)
def json_schema_2020_12_tool(arguments: dict[str, Any]) -> str:
    """Has a schema with keywords of JSON Schema 2020-12."""
    return f"JSON Schema 2020-12 tool called with: {arguments}"


@tool(read_only=True)
def test_x_mcp_header(
    region: Annotated[str, Field(header="Region")] = "", level: int = 0
) -> str:
    """Has an argument that the client repeats in a header."""
    return f"region={region}"
