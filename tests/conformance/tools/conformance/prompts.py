"""Prompts, with and without arguments, and a completion."""

from content import PNG

from mcpgate import EmbeddedResource, Image, Message, completion, prompt


@prompt
def test_simple_prompt() -> str:
    """A prompt without arguments."""
    return "This is a simple prompt for testing."


@prompt
def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
    """A prompt with two arguments.

    Args:
        arg1: The first one.
        arg2: The second one.
    """
    return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"


@completion(test_prompt_with_arguments, "arg1")
def first_arguments(value: str) -> list[str]:
    return ["paris", "park", "party"]


@prompt
def test_prompt_with_embedded_resource(resourceUri: str) -> list[Message]:
    """A prompt with a resource in it.

    Args:
        resourceUri: The URI of the resource.
    """
    embedded = EmbeddedResource(
        resourceUri, text="Embedded resource content for testing.", mime_type="text/plain"
    )
    return [Message(embedded), Message("Please process the embedded resource above.")]


@prompt
def test_prompt_with_image() -> list[Image | str]:
    """A prompt with an image in it."""
    return [Image(PNG), "Please analyze the image above."]
