"""The units of systemd that `kbsync install-service` installs."""
