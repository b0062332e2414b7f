"""Tools that ask while they run, as the revisions up to 2025-11-25 know it."""

import json

from mcpgate import Context, Elicited, tool


def completed(answer: Elicited) -> str:
    return f"Elicitation completed: action={answer.action}, content={json.dumps(answer.content)}"


@tool
def test_sampling(prompt: str, ctx: Context) -> str:
    """Asks the client's model."""
    return f"LLM response: {ctx.sample(prompt, max_tokens=100).text}"


@tool
def test_elicitation(message: str, ctx: Context) -> str:
    """Asks the user for name and address."""
    answer = ctx.elicit(
        message,
        {
            "type": "object",
            "properties": {
                "username": {"type": "string", "description": "User's response"},
                "email": {"type": "string", "description": "User's email address"},
            },
            "required": ["username", "email"],
        },
    )
    return f"User response: action={answer.action}, content={json.dumps(answer.content)}"


@tool
def test_elicitation_sep1034_defaults(ctx: Context) -> str:
    """Asks with a default for every kind of field."""
    states = ["active", "inactive", "pending"]
    answer = ctx.elicit(
        "Please review and update the form fields with defaults",
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "User name", "default": "John Doe"},
                "age": {"type": "integer", "description": "User age", "default": 30},
                "score": {"type": "number", "description": "User score", "default": 95.5},
                "status": {"type": "string", "enum": states, "default": "active"},
                "verified": {"type": "boolean", "description": "Verified", "default": True},
            },
            "required": [],
        },
    )
    return completed(answer)


def titled(*choices: tuple[str, str]) -> list[dict[str, str]]:
    return [{"const": value, "title": title} for value, title in choices]


@tool
def test_elicitation_sep1330_enums(ctx: Context) -> str:
    """Asks with every kind of choice."""
    options = ["option1", "option2", "option3"]
    properties = {
        "untitledSingle": {"type": "string", "enum": options},
        "titledSingle": {
            "type": "string",
            "oneOf": titled(
                ("value1", "First Option"), ("value2", "Second Option"), ("value3", "Third Option")
            ),
        },
        "legacyEnum": {
            "type": "string",
            "enum": ["opt1", "opt2", "opt3"],
            "enumNames": ["Option One", "Option Two", "Option Three"],
        },
        "untitledMulti": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {"type": "string", "enum": options},
        },
        "titledMulti": {
            "type": "array",
            "minItems": 1,
            "maxItems": 3,
            "items": {
                "anyOf": titled(
                    ("value1", "First Choice"),
                    ("value2", "Second Choice"),
                    ("value3", "Third Choice"),
                )
            },
        },
    }
    answer = ctx.elicit(
        "Please select options from the enum fields",
        {"type": "object", "properties": properties, "required": []},
    )
    return completed(answer)


@tool
def test_streaming_elicitation(ctx: Context) -> str:
    """Asks the user while it runs."""
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    return completed(ctx.elicit("What is your name?", schema))


@tool
def test_missing_capability(ctx: Context) -> str:
    """Asks the client's model, which not every client has."""
    return ctx.sample("Say something.", max_tokens=10).text
