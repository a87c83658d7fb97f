// Elements from values. Text reaches the page as text nodes and attributes only, never as markup.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, properties = {}, ...children) {
  return made(document.createElement(tag), properties, children);
}

export function s(tag, properties = {}, ...children) {
  return made(document.createElementNS(SVG, tag), properties, children);
}

function made(node, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, ...children);
}

// Adds children; a null stands for one that is not wanted.
export function fill(node, ...children) {
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export function byId(id) {
  return document.getElementById(id);
}

// Writes only what is another text, so that a selection or a screen reader is not disturbed.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Keeps one child for each item, in the items' order: a button stays focused while a list changes.
// `make(item)` returns a node and the function that updates it.
export function keyed(parent, key, make) {
  const known = new Map();
  return (items) => {
    const wanted = new Map(items.map((item) => [key(item), item]));
    for (const [name, entry] of known) {
      if (!wanted.has(name)) {
        entry.node.remove();
        known.delete(name);
      }
    }
    let place = parent.firstElementChild;
    for (const [name, item] of wanted) {
      let entry = known.get(name);
      if (!entry) {
        const [node, update] = make(item);
        known.set(name, (entry = { node, update }));
      }
      entry.update(item);
      if (entry.node === place) place = place.nextElementSibling;
      else parent.insertBefore(entry.node, place);
    }
  };
}

const SIGNS = {
  good: ["M5 12.5l4.5 4.5L19 7.5"],
  busy: ["M12 6.5V12l3.5 2.5", "M12 3a9 9 0 1 0 9 9"],
  held: ["M9 6v12", "M15 6v12"],
  bad: ["M6.5 6.5l11 11", "M17.5 6.5l-11 11"],
  soft: ["M6 12h12"],
};

export function sign(tone) {
  const lines = SIGNS[tone].map((d) => s("path", { d }));
  return s("svg", { class: `mark ${tone}`, viewBox: "0 0 24 24", "aria-hidden": "true" }, ...lines);
}

export function setSign(node, tone) {
  if (node.dataset.tone === tone) return;
  node.dataset.tone = tone;
  node.replaceChildren(sign(tone));
}

export function toast(text, tone = "good") {
  const node = h("p", { class: `toast ${tone}` }, sign(tone), h("span", {}, text));
  byId("toasts").append(node);
  setTimeout(() => node.remove(), tone === "bad" ? 12000 : 5000);
}

// A button that does something once at a time, and says why when it could not.
export function doing(text, act, properties = {}) {
  const button = h("button", { type: "button", ...properties, click: run }, text);
  async function run() {
    if (button.getAttribute("aria-disabled")) return;
    button.setAttribute("aria-disabled", "true");
    try {
      await act();
    } catch (error) {
      toast(error.message, "bad");
    } finally {
      button.removeAttribute("aria-disabled");
    }
  }
  return button;
}
