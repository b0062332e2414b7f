"""What the author of a tool imports.

    from mcpgate import tool, Context

    @tool(read_only=True)
    def greet(name: str, ctx: Context) -> str:
        \"\"\"Greets somebody.

        Args:
            name: Whom to greet.
        \"\"\"
        return f"Hello {name}, from {ctx.user}"

Type hints and docstring become the tool's schemas. Every call runs in a fresh, confined process.
"""

from ._answers import Elicited, Root, Roots, Sampled, ToolResult
from ._completion import completion
from ._connection import Column, Connection, QueryError, Rows
from ._content import Audio, EmbeddedResource, Image, ResourceLink, Text
from ._context import Context
from ._declared import Icon
from ._prompt import Message, prompt
from ._questions import Form, ListRoots, Page, Sample
from ._resource import resource
from ._schema import Field
from ._tool import ToolError, tool

__all__ = [
    "Audio",
    "Column",
    "Connection",
    "Context",
    "Elicited",
    "EmbeddedResource",
    "Field",
    "Form",
    "Icon",
    "Image",
    "ListRoots",
    "Message",
    "Page",
    "QueryError",
    "ResourceLink",
    "Root",
    "Roots",
    "Rows",
    "Sample",
    "Sampled",
    "Text",
    "ToolError",
    "ToolResult",
    "completion",
    "prompt",
    "resource",
    "tool",
]
