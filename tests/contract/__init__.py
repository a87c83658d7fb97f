"""What real Dify servers answered, and the suite that holds the stand-in and live servers to it."""
