"""Tools for agents: the searches of a service by the Model Context Protocol (extra ``mcp``)."""
