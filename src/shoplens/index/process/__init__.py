"""The index in a process of its own, so that the engine never stops the threads of a service."""
