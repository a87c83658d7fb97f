// What happens, as it happens, newest first.

import { ask } from "./api.js";
import { byId, h, sign } from "./dom.js";
import { showFile } from "./file.js";
import { exact, toneOf } from "./words.js";

const MOST = 150;
const list = byId("activity");
const trouble = byId("activity-trouble");
let newest = 0;

export async function startActivity() {
  trouble.addEventListener("change", () => list.classList.toggle("only-trouble", trouble.checked));
  await loadActivity();
}

// Also after the connection was lost: what happened meanwhile is asked for.
export async function loadActivity() {
  const { events } = await ask("activity", { limit: MOST });
  showEvents(events.reverse());
}

// Events in the order in which they happened.
export function showEvents(events) {
  const fresh = events.filter((event) => event.id > newest).slice(-MOST);
  if (!fresh.length) return;
  newest = fresh.at(-1).id;
  list.prepend(...fresh.reverse().map(row));
  while (list.childElementCount > MOST) list.lastElementChild.remove();
}

function row(event) {
  const tone = toneOf(event.happened);
  const isTrouble = tone === "bad" || tone === "held";
  return h("li", { class: isTrouble ? "trouble" : "" },
    h("time", {}, exact(event.at)),
    sign(tone),
    h("span", { class: `happened ${tone}` }, event.happened),
    event.path ? fileButton(event) : h("span", { class: "path" }, event.folder || "the service"),
    event.text ? h("span", { class: "reason", title: event.text }, event.text) : null);
}

function fileButton({ folder, path, file }) {
  const open = () => showFile(folder, file);
  return h("button", { type: "button", class: "link path", click: open, title: `${folder}/${path}` }, h("span", { class: "soft" }, `${folder}/`), path);
}
