"""A tool that asks its user, for sets whose calls have the time for it."""

from dataclasses import dataclass
from typing import Literal

from mcpgate import Context, tool


@dataclass
class Booking:
    name: str
    seats: int = 2
    table: Literal["window", "door"] = "door"


@tool(timeout=20)
def book(day: str, ctx: Context) -> str:
    """Books a table."""
    free = ctx.call_tool("add", {"a": 1, "b": 2}).data
    answer = ctx.elicit(f"Who comes on {day}?", Booking, key="who")
    if not answer.accepted:
        return "not booked"
    sure = ctx.elicit(f"{free} tables are free. Sure?", {"type": "object", "properties": {}})
    booking = answer.data
    return f"{booking.name}: {booking.seats} at the {booking.table}, {sure.action}"
