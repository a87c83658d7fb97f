// The first look: is everything in, and what is the worst of what is not.

import { byId, say, setSign } from "./dom.js";
import { KINDS, lasting, many, number } from "./words.js";

const RATE_SECONDS = 60;
const samples = [];
let spoken = "";

export function showVerdict(status) {
  const totals = Object.fromEntries(Object.keys(KINDS).map((kind) => [kind, 0]));
  for (const folder of status.folders) {
    for (const [kind, count] of Object.entries(folder.kinds)) totals[kind] += count;
  }
  const [tone, title] = judged(status, totals);
  setSign(byId("verdict-sign"), tone);
  byId("verdict").dataset.tone = tone;
  say(byId("verdict-title"), title);
  const parts = [counted(totals, status.folders.length), heldBack(status.folders), left(waiting(totals))];
  say(byId("verdict-text"), parts.filter(Boolean).join(" "));
  setBar(byId("verdict-bar"), totals);
  document.title = tone === "good" ? "✓ kbsync" : `${title} – kbsync`;
  if (!byId("icon").href.endsWith(`/${tone}.svg`)) byId("icon").href = `${tone}.svg`;
  if (spoken !== tone) say(byId("verdict-spoken"), title);
  spoken = tone;
}

function judged(status, totals) {
  const held = status.folders.filter((folder) => folder.held);
  const drift = status.folders.reduce((sum, folder) => sum + folder.drift.findings, 0);
  if (status.problem) return ["bad", "Something is in the way"];
  if (totals.failed) return ["bad", `${many(totals.failed, "file")} failed`];
  if (held.length) return ["held", `Deletions are held in ${held.length === 1 ? held[0].name : many(held.length, "folder")}`];
  if (waiting(totals)) return ["busy", `${many(waiting(totals), "file")} on the way`];
  if (status.folders.some((folder) => folder.last_scan === null)) return ["busy", "Looking at the folders"];
  if (drift) return ["held", `${many(drift, "document")} not as agreed`];
  if (status.checks.some((check) => !check.passed)) return ["held", "A question is not answered as it should be"];
  if (!wanted(totals)) return ["soft", totals.skipped ? "No file is sent" : "There are no files yet"];
  return ["good", "Everything is searchable"];
}

function waiting(totals) {
  return totals.pending + totals.sending + totals.indexing + totals.again + totals.deleting;
}

function wanted(totals) {
  return Object.keys(KINDS).reduce((sum, kind) => sum + (KINDS[kind][2] ? totals[kind] : 0), 0);
}

function counted(totals, folders) {
  const all = wanted(totals);
  const where = `in ${many(folders, "folder")}`;
  if (!all && totals.skipped) return `${many(totals.skipped, "file")} ${where}, none of a kind that is sent; below is why.`;
  if (!all) return `What is put into the ${folders === 1 ? "folder" : "folders"} shows up here by itself.`;
  if (totals.completed === all) return `${many(all, "file")} ${where}.`;
  return `${number(totals.completed)} of ${many(all, "file")} ${where} are searchable.`;
}

function heldBack(folders) {
  const count = folders.reduce((sum, { held }) => sum + (held ? held.count : 0), 0);
  return count ? `${many(count, "deletion")} ${count === 1 ? "waits" : "wait"} for you.` : "";
}

// How fast what waits gets less, seen over the last minute, and how long it takes at that pace.
function left(count) {
  const now = performance.now() / 1000;
  if (samples.length && samples.at(-1)[1] < count) samples.length = 0;
  samples.push([now, count]);
  while (samples[0][0] < now - RATE_SECONDS) samples.shift();
  const [since, before] = samples[0];
  if (count === 0 || before - count < 5 || now - since < 5) return "";
  const pace = (before - count) / (now - since);
  return `${number(Math.round(pace * 60))} a minute, about ${lasting(count / pace)} to go.`;
}

export function setBar(bar, counts) {
  const kinds = Object.keys(KINDS).filter((kind) => KINDS[kind][2]);
  const all = wanted(counts);
  if (bar.childElementCount !== kinds.length) {
    bar.replaceChildren(...kinds.map((kind) => Object.assign(document.createElement("span"), { className: kind })));
  }
  kinds.forEach((kind, place) => {
    const piece = bar.children[place];
    piece.hidden = counts[kind] === 0;
    piece.style.flexGrow = all ? counts[kind] / all : 0;
  });
  const told = kinds.filter((kind) => counts[kind]).map((kind) => `${number(counts[kind])} ${KINDS[kind][0]}`);
  bar.setAttribute("aria-label", told.join(", ") || "no files");
}
