"""Benchmarks: each figure beside what one would use instead, in the same run, as a ratio."""
