// Everything about one file, and what happened to it.

import { act, ask } from "./api.js";
import { byId, doing, h, sign, toast } from "./dom.js";
import { ago, exact, KINDS, lasting, number, size, toneOf } from "./words.js";

export async function showFile(folder, id) {
  const dialog = byId("file");
  let told;
  try {
    told = await ask("document", { folder, id });
  } catch (error) {
    toast(error.message, "bad");
    return;
  }
  const kind = kindOf(told);
  const [word, tone] = KINDS[kind] ?? ["not known any more", "soft"];
  const close = h("button", { type: "button", class: "quiet", click: () => dialog.close() }, "Close");
  const retry = kind === "failed" || kind === "again" ? retryButton(folder, id, told.path, () => dialog.close()) : null;
  dialog.replaceChildren(
    h("p", { class: "soft" }, `${folder}/`),
    h("h2", { id: "file-title", class: "path" }, told.path),
    h("p", { class: "state" }, sign(tone), h("span", { class: tone }, word)),
    told.error ? h("p", { class: "reason" }, told.error) : "",
    h("dl", {}, ...facts(told).flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("h3", {}, "What happened"),
    told.events.length ? h("ol", { class: "events" }, ...told.events.map(row)) : h("p", { class: "soft" }, "Nothing that is still remembered."),
    h("p", { class: "actions" }, retry, close),
  );
  if (!dialog.open) dialog.showModal();
  close.focus();
}

export function retryButton(folder, id, path, done = () => {}) {
  return doing("Try again", async () => {
    await act("retry", { folder, id });
    toast(`${path} will be tried again.`);
    done();
  }, { "aria-label": `Try ${path} again` });
}

function kindOf(told) {
  if (told.state === "pending" && told.want === "absent") return "deleting";
  if (told.state === "completed" && told.want === "absent") return "trash";
  return told.state === "pending" && told.error ? "again" : told.state;
}

function facts(told) {
  if (told.state === null) return [];
  const document = told.live ?? told.coming;
  return [
    ["next try", told.next_try && ago(told.next_try)],
    ["tries", told.attempts > 1 && number(told.attempts)],
    ["why", told.reason],
    ["size", size(told.size)],
    ["saved", told.modified && ago(told.modified)],
    ["state since", ago(told.changed)],
    ["parts", told.parts?.length > 0 && number(told.parts.length)],
    ["segments", told.segments !== null && number(told.segments)],
    ["document", document && document.name],
    ["its id", document && document.document_id],
    ["SHA-256", told.sha256],
  ].filter(([, value]) => value);
}

function row(event) {
  const took = event.seconds === null ? null : `after ${lasting(event.seconds)}`;
  const text = [took, event.text].filter(Boolean).join(", ");
  return h("li", {}, h("time", {}, exact(event.at)), sign(toneOf(event.happened)), h("span", {}, event.happened), h("span", { class: "reason" }, text));
}
