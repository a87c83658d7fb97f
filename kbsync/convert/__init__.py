"""Bytes of a file to bytes that the server can index; imported when there is something to send."""
