// All files: by a part of the path, by folder, by state; page by page.

import { ask } from "./api.js";
import { byId, h, keyed, say, setSign, toast } from "./dom.js";
import { retryButton, showFile } from "./file.js";
import { ago, KINDS, many, setAgo, size } from "./words.js";

const PAGE = 25;
const REFRESH_MS = 1500;
const [search, folder, kind, reason, more] = ["search", "find-folder", "find-kind", "find-reason", "files-more"].map(byId);
let shown = [];
let after = null;
let wantedReason = "";
let asking = new AbortController();
let refresh = null;

const update = keyed(byId("files"), (file) => `${file.folder}/${file.id}`, row);

export async function startFiles() {
  byId("find").addEventListener("submit", (event) => event.preventDefault());
  kind.append(...Object.entries(KINDS).map(([name, [word]]) => h("option", { value: name }, word)));
  kind.append(h("option", { value: "sending,indexing" }, "under way"));
  kind.append(h("option", { value: "failed,again,deleting" }, "with trouble"));
  let pause;
  search.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(load, 150);
  });
  for (const part of [folder, kind]) part.addEventListener("change", load);
  reason.addEventListener("click", () => setReason("", "") || load());
  more.addEventListener("click", () => load({ on: true }));
  document.addEventListener("visibilitychange", refreshFiles);
  await load();
}

// The folders can only be told when the first status is there.
export function nameFolders(status) {
  if (folder.options.length > 1) return;
  folder.append(...status.folders.map(({ name }) => h("option", { value: name }, name)));
}

export function lookFor(wanted) {
  search.value = "";
  folder.value = wanted.folder ?? "";
  kind.value = wanted.kind ?? "";
  setReason(wanted.reason ?? "", wanted.words ?? "");
  load();
  byId("files-title").scrollIntoView({ block: "start" });
  search.focus({ preventScroll: true });
}

// Shows what has changed since, as long as nobody has turned a page.
export function refreshFiles() {
  refresh ??= setTimeout(() => {
    refresh = null;
    if (shown.length <= PAGE && !document.hidden) load({ quietly: true });
  }, REFRESH_MS);
}

function setReason(id, words) {
  wantedReason = id;
  reason.hidden = id === "";
  say(reason, `${words} ✕`);
  reason.setAttribute("aria-label", `Only with the reason: ${words}. Press to show all.`);
}

async function load({ on = false, quietly = false } = {}) {
  asking.abort();
  asking = new AbortController();
  const query = { q: search.value.trim(), folder: folder.value, kind: kind.value, reason: wantedReason, limit: PAGE, after: on ? after : "" };
  try {
    const told = await ask("documents", query, asking.signal);
    shown = on ? [...shown, ...told.documents] : told.documents;
    after = told.after;
    update(shown);
    more.hidden = after === null;
    say(byId("files-count"), shown.length ? `${after ? "The first " : ""}${many(shown.length, "file")}` : nothing());
  } catch (error) {
    if (error.name !== "AbortError" && !quietly) toast(error.message, "bad");
  }
}

function nothing() {
  const asked = search.value.trim() || folder.value || kind.value || wantedReason;
  return asked ? "No file is like that." : "There are no files yet.";
}

function row(file) {
  const mark = h("span", { class: "sign" });
  const name = h("button", { type: "button", class: "link path", click: () => showFile(file.folder, file.id) }, h("span", { class: "soft" }, `${file.folder}/`), file.path);
  const why = h("span", { class: "reason" });
  const state = h("span", { class: "kind" });
  const [length, changed] = [h("span", { class: "size" }), ago()];
  const actions = h("span", { class: "actions" });
  const node = h("li", {}, mark, h("div", { class: "words" }, name, why), actions, state, length, changed);
  return [node, (now) => {
    const [word, tone] = KINDS[now.kind];
    setSign(mark, tone);
    say(why, now.error ?? "");
    say(state, word);
    state.className = `kind ${tone}`;
    say(length, size(now.size));
    setAgo(changed, now.changed);
    const offered = now.kind === "failed" || now.kind === "again";
    if (offered !== actions.hasChildNodes()) actions.replaceChildren(...(offered ? [retryButton(file.folder, file.id, file.path)] : []));
  }];
}
