"""Tools and a prompt that ask before they answer; the suite names keys, texts and schemas."""

import json

from mcpgate import Context, Form, ListRoots, Message, Sample, ToolError, prompt, tool


def form(message: str, name: str, kind: str = "string") -> Form:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return Form(message, schema)


@tool
def test_input_required_result_elicitation(ctx: Context) -> str:
    """Asks for a name."""
    answers = ctx.ask({"user_name": form("What is your name?", "name")})
    return f"Hello, {answers['user_name'].content.get('name', 'nobody')}!"


@tool
def test_input_required_result_sampling(ctx: Context) -> str:
    """Asks the client's model."""
    return ctx.sample("What is the capital of France?", max_tokens=100, key="capital_question").text


@tool
def test_input_required_result_list_roots(ctx: Context) -> str:
    """Asks for the client's folders."""
    roots = ctx.roots(key="client_roots")
    return "Roots: " + ", ".join(f"{root.name} ({root.uri})" for root in roots)


@tool
def test_input_required_result_request_state(ctx: Context) -> str:
    """Asks for a confirmation."""
    answer = ctx.ask({"confirm": form("Please confirm", "ok", "boolean")})["confirm"]
    return f"state-ok: {answer.action}"


@tool
def test_input_required_result_tampered_state(ctx: Context) -> str:
    """Asks for a confirmation, too."""
    answer = ctx.ask({"confirm": form("Please confirm", "ok", "boolean")})["confirm"]
    return f"confirmed: {answer.action}"


@tool
def test_input_required_result_multiple_inputs(ctx: Context) -> str:
    """Asks for three things at once."""
    answers = ctx.ask(
        {
            "user_name": form("What is your name?", "name"),
            "greeting": Sample("Generate a greeting", 50),
            "client_roots": ListRoots(),
        }
    )
    name = answers["user_name"].content.get("name")
    return f"{answers['greeting'].text} {name}, in {len(answers['client_roots'])} roots"


@tool
def test_input_required_result_multi_round(ctx: Context) -> str:
    """Asks twice."""
    name = ctx.ask({"step1": form("Step 1: What is your name?", "name")})["step1"]
    color = ctx.ask({"step2": form("Step 2: What is your favorite color?", "color")})["step2"]
    return json.dumps({**name.content, **color.content})


@tool
def test_input_required_result_capabilities(ctx: Context) -> str:
    """Asks the user, or the model of a client whose user cannot be asked."""
    try:
        answer = ctx.elicit("What is your name?", form("", "name").schema, key="user_name")
        return f"the user: {answer.action}"
    except ToolError:
        return "the model: " + ctx.sample("Say a name.", max_tokens=50, key="model").text


@prompt
def test_input_required_result_prompt(ctx: Context) -> list[Message]:
    """Asks what it is about."""
    question = form("What context should the prompt use?", "context")
    answer = ctx.ask({"user_context": question})["user_context"]
    return [Message(role="user", content=f"Use this: {answer.content.get('context', '')}")]
