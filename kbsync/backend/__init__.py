"""Servers that kbsync can keep equal to folders: one protocol, one file per dialect."""
