"""What one client may take of the service: its rate, its bodies, its connections, its place in the queue."""
