"""One file per sub-command; each offers a click command named `command`."""
