"""The MCP server: scenes as tools that an assistant on this machine calls, over standard input and output.

It stands on the client and knows neither the command line nor the services. `build` is its composition root.
"""

from sharpstream.mcp_server.server import build

__all__ = ["build"]
