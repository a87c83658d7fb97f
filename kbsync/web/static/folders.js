// One card for each folder: how far it is, what it waits for, and a scan on request.

import { act } from "./api.js";
import { byId, doing, h, keyed, say, setSign, toast } from "./dom.js";
import { lookFor } from "./files.js";
import { setBar } from "./verdict.js";
import { ago, KINDS, lasting, many, number, setAgo } from "./words.js";

const WATCHES = { native: "", poll: ", polled", off: ", not watched" };

// The numbers on a card: the word, the tone, and the kinds that are counted together.
const COUNTS = [
  ["searchable", "good", ["completed"]],
  ["under way", "busy", ["sending", "indexing"]],
  ["waiting", "busy", ["pending"]],
  ...["again", "failed", "deleting", "skipped", "trash"].map((kind) => [...KINDS[kind].slice(0, 2), [kind]]),
];

const update = keyed(byId("folders"), (folder) => folder.name, card);

export function showFolders(status) {
  update(status.folders);
}

function card({ name }) {
  const mark = h("span", { class: "sign" });
  const state = h("p", { class: "state" });
  const where = h("p", { class: "where" });
  const bar = h("div", { class: "bar", role: "img" });
  const counts = h("p", { class: "counts" });
  const showCounts = keyed(counts, ([word]) => word, ([word, tone, kinds]) => countButton(name, word, tone, kinds));
  const [last, next, watch] = [ago(), ago(), h("span")];
  const scan = doing("Scan now", async () => {
    await act("reconcile", { folder: name });
    toast(`A scan of ${name} was asked for.`);
  }, { class: "quiet", "aria-label": `Scan ${name} now` });
  const foot = h("p", { class: "foot" }, h("span", {}, "scanned ", last, h("span", {}, ", next ", next), watch), scan);
  const node = h("li", { class: "card folder" }, h("div", { class: "head" }, mark, h("h3", {}, name), state), where, bar, counts, foot);
  return [node, (folder) => {
    setSign(mark, tone(folder));
    say(state, folder.watch_problem ?? summary(folder));
    say(where, `${folder.path} → ${folder.dataset}`);
    setBar(bar, folder.kinds);
    showCounts(COUNTS.filter(([, , kinds]) => total(folder, kinds)).map((count) => [...count, total(folder, count[2])]));
    setAgo(last, folder.last_scan, "never");
    setAgo(next, folder.next_scan);
    next.parentElement.hidden = folder.next_scan === null;
    say(watch, (WATCHES[folder.watch] ?? "") + (folder.lost_events ? `, events lost ${many(folder.lost_events, "time")}` : ""));
  }];
}

function tone({ kinds, held, watch_problem, unsettled, drift }) {
  if (kinds.failed || watch_problem) return "bad";
  if (held || drift.findings) return "held";
  return unsettled ? "busy" : "good";
}

function summary(folder) {
  if (!folder.unsettled) return "in sync";
  if (folder.last_scan === null) return "first look";
  const worst = [folder.kinds.failed && `${number(folder.kinds.failed)} failed`, folder.held && "deletions held"];
  if (worst.some(Boolean)) return worst.filter(Boolean).join(", ");
  const age = folder.oldest_pending_seconds;
  return age >= 60 ? `working, oldest waits ${lasting(age)}` : "working";
}

function countButton(folder, word, tone, kinds) {
  const button = h("button", { type: "button", class: `count ${tone}`, click: () => lookFor({ folder, kind: kinds.join() }) });
  return [button, ([, , , count]) => say(button, `${number(count)} ${word}`)];
}

function total({ kinds }, wanted) {
  return wanted.reduce((sum, kind) => sum + kinds[kind], 0);
}
