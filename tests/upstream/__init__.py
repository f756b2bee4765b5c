"""The driver against real sockets."""
