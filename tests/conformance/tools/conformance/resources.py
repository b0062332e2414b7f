"""Resources, and one template of them."""

from content import PNG

from mcpgate import resource


@resource("test://static-text", mime_type="text/plain")
def static_text() -> str:
    """A resource of text."""
    return "This is the content of the static text resource."


@resource("test://static-binary", mime_type="image/png")
def static_binary() -> bytes:
    """A resource of bytes."""
    return PNG


@resource("test://watched-resource", mime_type="text/plain")
def watched_resource() -> str:
    """A resource that clients subscribe to."""
    return "This resource is watched."


@resource("test://template/{id}/data", mime_type="application/json")
def template_data(id: str) -> dict[str, object]:
    """The data of one id.

    Args:
        id: Whose data.
    """
    return {"id": id, "templateTest": True, "data": f"Data for ID: {id}"}
