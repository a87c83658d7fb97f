// The last day as two small plots: what was done, and how long a change took to be searchable.

import { ask } from "./api.js";
import { byId, h, s, say } from "./dom.js";
import { clock, lasting, many, number } from "./words.js";

const EVERY_MS = 30000;
const HEIGHT = 100;
let told = null;

const plots = [
  plot("Indexed", "in ten minutes", {
    columns: ({ indexed, failed }) => indexed.map((count, place) => [["good", count], ["bad", failed[place]]]),
    top: (value) => number(Math.round(value)),
    one: (data, place) => `${number(data.indexed[place])} indexed, ${number(data.failed[place])} failed, ${number(data.deleted[place])} deleted`,
    all: (data) => `${many(sum(data.indexed), "version")} indexed, ${number(sum(data.failed))} failed, ${number(sum(data.deleted))} deleted`,
  }),
  plot("Time to searchable", "mean, and the longest", {
    columns: ({ lag, worst }) => lag.map((mean, place) => [["busy", mean ?? 0], ["faint", (worst[place] ?? 0) - (mean ?? 0)]]),
    top: (value) => lasting(value),
    one: (data, place) => data.lag[place] === null ? "nothing was indexed" : `${lasting(data.lag[place])} on average, ${lasting(data.worst[place])} at the longest`,
    all: (data) => {
      const known = data.lag.map((mean, place) => [mean, data.indexed[place]]).filter(([mean]) => mean !== null);
      if (!known.length) return "nothing was indexed";
      const mean = sum(known.map(([lag, count]) => lag * count)) / sum(known.map(([, count]) => count));
      return `${lasting(mean)} on average, ${lasting(Math.max(...data.worst))} at the longest`;
    },
  }),
];

export async function startPlots() {
  byId("plots").append(...plots.map((each) => each.node));
  await load();
  setInterval(() => document.hidden || load().catch(() => {}), EVERY_MS);
}

async function load() {
  told = await ask("plots");
  plots.forEach((each) => each.draw());
}

function plot(title, unit, { columns, top, one, all }) {
  const drawing = s("svg", { viewBox: `0 0 144 ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const readout = h("p", { class: "readout" });
  const [most, middle] = [h("span"), h("span")];
  const area = h("div", { class: "area", tabindex: "0", role: "img" }, drawing, h("div", { class: "scale", "aria-hidden": "true" }, most, middle));
  const ends = h("p", { class: "ends" }, h("span", {}, "a day ago"), h("span", {}, "12 h"), h("span", {}, "now"));
  const node = h("figure", {}, h("figcaption", {}, h("strong", {}, title), h("span", { class: "soft" }, unit)), readout, area, ends);
  let place = null;

  function point(next) {
    place = next;
    drawing.querySelectorAll(".here").forEach((column) => column.classList.remove("here"));
    if (place !== null) drawing.children[place].classList.add("here");
    if (!told) return;
    const from = place === null ? null : told.since + place * told.width;
    const text = place === null ? all(told) : `${clock(from)}–${clock(from + told.width)}: ${one(told, place)}`;
    say(readout, text);
    area.setAttribute("aria-label", `${title}: ${text}. Arrow keys go through the day.`);
  }

  function at(event) {
    const box = drawing.getBoundingClientRect();
    return clamp(Math.floor(((event.clientX - box.left) / box.width) * told.lag.length));
  }

  function clamp(value) {
    return Math.max(0, Math.min(told.lag.length - 1, value));
  }

  area.addEventListener("pointermove", (event) => told && point(at(event)));
  area.addEventListener("pointerleave", () => point(null));
  area.addEventListener("blur", () => point(null));
  area.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || !told) return;
    event.preventDefault();
    point(clamp((place ?? told.lag.length) + step));
  });

  return { node, draw() {
    const data = columns(told);
    const highest = Math.max(...data.map((pieces) => sum(pieces.map(([, value]) => value))));
    drawing.replaceChildren(...data.map((pieces, column) => stack(pieces, column, highest)));
    say(most, highest ? top(highest) : "");
    say(middle, highest ? top(highest / 4) : "");
    point(place);
  } };
}

// The height goes with the square root, so that a day can be read beside a first sync of it all.
function stack(pieces, column, highest) {
  let [y, below] = [HEIGHT, 0];
  const parts = pieces.filter(([, value]) => value > 0).map(([tone, value]) => {
    below += value;
    const height = Math.max(1.5, y - HEIGHT * (1 - Math.sqrt(below / highest)));
    y -= height;
    return s("rect", { class: tone, x: column + 0.12, y, width: 0.76, height });
  });
  return s("g", {}, s("rect", { class: "back", x: column, y: 0, width: 1, height: HEIGHT }), ...parts);
}

function sum(values) {
  return values.reduce((total, value) => total + value, 0);
}
