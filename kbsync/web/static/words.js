// How numbers, times and states are said.

import { h } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

// What a file is: the word, the tone, and whether it counts as a file that should be searchable.
export const KINDS = {
  completed: ["searchable", "good", true],
  indexing: ["indexing", "busy", true],
  sending: ["sending", "busy", true],
  pending: ["waiting", "busy", true],
  again: ["to be tried again", "held", true],
  failed: ["failed", "bad", true],
  deleting: ["to be deleted", "held", false],
  skipped: ["not sent", "soft", false],
  trash: ["out of service", "soft", false],
};

const TONES = {
  sent: "busy", moved: "busy", adopted: "busy",
  indexed: "good", restored: "good", "back in service": "good",
  failed: "bad", unknown: "bad", "ledger mended": "bad", "not told": "bad",
  postponed: "held", stuck: "held", held: "held", drift: "held",
};

export function toneOf(happened) {
  return TONES[happened] ?? "soft";
}

export function number(value) {
  return WHOLE.format(value);
}

export function many(count, one, more = `${one}s`) {
  return `${number(count)} ${count === 1 ? one : more}`;
}

export function size(bytes) {
  if (bytes === null) return "";
  if (bytes < 1000) return many(bytes, "byte");
  const units = ["", "kB", "MB", "GB"];
  let unit = 0;
  for (; bytes >= 1000 && unit < units.length - 1; unit += 1) bytes /= 1000;
  return `${bytes < 10 ? bytes.toFixed(1) : Math.round(bytes)} ${units[unit]}`;
}

export function lasting(seconds) {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  for (const [unit, length] of [["d", 86400], ["h", 3600], ["min", 60]]) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${Math.round(seconds)} s`;
}

// A moment of the API: seconds since the epoch, or text; null stays null.
function epoch(moment) {
  return typeof moment === "string" ? Date.parse(moment) / 1000 : moment;
}

export function clock(moment) {
  return CLOCK.format(epoch(moment) * 1000);
}

export function exact(moment) {
  const date = new Date(epoch(moment) * 1000);
  const today = DAY.format(date) === DAY.format(new Date());
  return today ? SECONDS.format(date) : `${DAY.format(date)}, ${CLOCK.format(date)}`;
}

export function relative(moment) {
  const seconds = Date.now() / 1000 - epoch(moment);
  if (Math.abs(seconds) < 10) return "now";
  return seconds >= 0 ? `${lasting(seconds)} ago` : `in ${lasting(-seconds)}`;
}

// An element that keeps saying how long ago something was.
export function ago(moment = null) {
  const node = h("time", {});
  setAgo(node, moment);
  return node;
}

export function setAgo(node, moment, never = "") {
  node.dataset.at = moment === null ? "" : epoch(moment);
  node.dataset.never = never;
  if (moment !== null) {
    const date = new Date(epoch(moment) * 1000);
    node.dateTime = date.toISOString();
    node.title = date.toLocaleString("en-GB");
  }
  refresh(node);
}

function refresh(node) {
  const text = node.dataset.at ? relative(Number(node.dataset.at)) : node.dataset.never;
  if (node.textContent !== text) node.textContent = text;
}

export function keepTime() {
  setInterval(() => document.querySelectorAll("time[data-at]").forEach(refresh), 5000);
}
