"""A server that is written with the official library for Python."""

import os
import time

import anyio
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

# It is slow to start for as long as that file is not there.
while "WAITS_FOR" in os.environ and not os.path.exists(os.environ["WAITS_FOR"]):
    time.sleep(0.01)

server = MCPServer("snake")


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return f"it is {a + b}"


@server.tool()
def fail() -> str:
    """Does not work."""
    raise ToolError("it did not work")


@server.tool()
def crash() -> str:
    """Ends the server."""
    os._exit(3)


@server.tool()
async def hang(began: str) -> str:
    """Answers nothing, while the server does."""
    open(began, "w").close()
    await anyio.sleep_forever()


@server.tool()
async def grow(context: Context) -> str:
    """Adds a tool."""
    server.add_tool(lambda: "it is grown", name="grown", description="Is grown.")
    await context.session.send_tool_list_changed()
    return "grown"


server.run()
