// Before anything is painted, so that nothing flashes: what was chosen here, or the system's.
try {
  const theme = localStorage.getItem("kbsync-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // A browser that stores nothing.
}
