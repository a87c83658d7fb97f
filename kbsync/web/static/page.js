// Puts the parts together: the stream's messages go to those who show them.

import { loadActivity, showEvents, startActivity } from "./activity.js";
import { listen } from "./api.js";
import { showAttention } from "./attention.js";
import { byId, say, toast } from "./dom.js";
import { nameFolders, refreshFiles, startFiles } from "./files.js";
import { showFolders } from "./folders.js";
import { startPlots } from "./plots.js";
import { showVerdict } from "./verdict.js";
import { keepTime, relative } from "./words.js";

let version = null;

function showStatus(status) {
  if (version !== null && status.about.version !== version) location.reload();
  version = status.about.version;
  say(byId("where"), `${status.about.instance} → ${hostOf(status.about.server)}`);
  say(byId("about"), `kbsync ${version}, running since ${new Date(status.since * 1000).toLocaleString("en-GB")} (${relative(status.since)}).`);
  nameFolders(status);
  showVerdict(status);
  showAttention(status);
  showFolders(status);
  refreshFiles();
}

function hostOf(address) {
  return URL.canParse(address) ? new URL(address).host : address;
}

let wasLost = false;

function connected(yes) {
  const link = byId("link");
  link.className = yes ? "good" : "bad";
  say(link, yes ? "live" : "connection lost, trying again");
  document.body.classList.toggle("stale", !yes);
  if (yes && wasLost) loadActivity().catch(() => {});
  wasLost = !yes;
}

function startTheme() {
  const button = byId("theme");
  const names = ["auto", "light", "dark"];
  const show = (theme) => say(button, `Theme: ${theme}`);
  show(document.documentElement.dataset.theme ?? "auto");
  button.addEventListener("click", () => {
    const theme = names[(names.indexOf(document.documentElement.dataset.theme ?? "auto") + 1) % names.length];
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    show(theme);
    localStorage.setItem("kbsync-theme", theme);
  });
}

function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.key === "k" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      byId("search").focus();
    }
  });
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  }
}

startTheme();
startKeys();
keepTime();
listen({ status: showStatus, events: showEvents, problem: ({ problem }) => toast(problem, "bad") }, connected);
for (const start of [startActivity, startPlots, startFiles]) start().catch((error) => toast(error.message, "bad"));
