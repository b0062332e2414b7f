from body import find_addresses
from mcpgate import tool


@tool(read_only=True)
def addresses(text: str) -> list[str]:
    """Finds IPv4 addresses."""
    return find_addresses(text)
