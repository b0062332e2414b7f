from mcpgate import tool


@tool()
def vacuum(table: str) -> str:
    """Pretends nothing: says which table it was asked for."""
    return f"vacuumed {table}"
