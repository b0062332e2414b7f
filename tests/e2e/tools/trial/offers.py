"""Resources, prompts and a completion that behave."""

from typing import Literal

from mcpgate import Context, Message, ToolError, completion, prompt, resource

DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]


@resource("trial://readme", title="Read me", mime_type="text/markdown")
def readme(ctx: Context) -> str:
    """What this set is."""
    return f"# Trial\n\nFor {ctx.user}."


@resource("trial://days/{day}")
def day(day: str) -> dict[str, int] | None:
    """The number of a day."""
    if day == "doomsday":
        raise ToolError("that day is not told")
    return {"number": DAYS.index(day)} if day in DAYS else None


@completion(day, "day")
def days(value: str) -> list[str]:
    return DAYS


@prompt(title="Greeting")
def greet(whom: str, tone: Literal["dry", "warm"] = "dry") -> list[Message]:
    """Greets somebody.

    Args:
        whom: Whom to greet.
    """
    return [Message(f"Greet {whom}, {tone}."), Message("Of course.", role="assistant")]
