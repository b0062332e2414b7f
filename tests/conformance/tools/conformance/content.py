"""Every kind of content. The first tool listed is called without arguments by the suite."""

import base64

from mcpgate import Audio, EmbeddedResource, Image, ToolError, tool

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
)
WAV = base64.b64decode("UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=")


@tool(read_only=True)
def test_simple_text() -> str:
    """Returns text."""
    return "This is a simple text response for testing."


@tool(read_only=True)
def test_image_content() -> Image:
    """Returns an image."""
    return Image(PNG)


@tool(read_only=True)
def test_audio_content() -> Audio:
    """Returns a sound."""
    return Audio(WAV)


@tool(read_only=True)
def test_embedded_resource() -> EmbeddedResource:
    """Returns a resource with its content."""
    return EmbeddedResource(
        "test://embedded-resource",
        text="This is an embedded resource content.",
        mime_type="text/plain",
    )


@tool(read_only=True)
def test_multiple_content_types() -> list[str | Image | EmbeddedResource]:
    """Returns text, an image and a resource."""
    return [
        "Multiple content types test:",
        Image(PNG),
        EmbeddedResource(
            "test://mixed-content-resource",
            text='{"test":"data","value":123}',
            mime_type="application/json",
        ),
    ]


@tool(read_only=True)
def test_error_handling() -> str:
    """Fails on purpose."""
    raise ToolError("This tool intentionally returns an error for testing")
