// What a person has to look at, worst first, each with what can be done about it.

import { act } from "./api.js";
import { byId, doing, h, keyed, say, sign, toast } from "./dom.js";
import { lookFor } from "./files.js";
import { review } from "./review.js";
import { many, relative } from "./words.js";

const update = keyed(byId("attention-list"), (item) => item.key, row);

export function showAttention(status) {
  const items = [...problems(status), ...holds(status), ...status.complaints.map(complaint), ...drifts(status), ...checks(status), ...hooks(status)];
  byId("attention").hidden = items.length === 0;
  update(items);
}

function row(first) {
  const title = h("strong");
  const text = h("span", { class: "reason" });
  const actions = h("span", { class: "actions" }, ...first.actions());
  const node = h("li", {}, sign(first.tone), h("div", { class: "words" }, title, text), actions);
  return [node, (item) => {
    say(title, item.title);
    say(text, item.text);
  }];
}

function problems({ problem }) {
  if (!problem) return [];
  return [{ key: "problem", tone: "bad", title: "The service", text: problem, actions: () => [] }];
}

function holds({ folders }) {
  return folders.filter((folder) => folder.held).map(({ name, held }) => ({
    key: `held ${name}`,
    tone: "held",
    title: `${name}: ${many(held.count, "deletion")} held`,
    text: held.reason,
    actions: () => [h("button", { type: "button", click: () => review(name), "aria-label": `Review what is held in ${name}` }, "Review")],
  }));
}

function complaint({ id, folder, final, reason, count, example, next_try }) {
  const which = count === 1 ? `${folder}/${example}` : `${folder}: ${many(count, "file")}`;
  const next = !final && next_try ? ` (next try ${relative(next_try)})` : "";
  return {
    key: `${final} ${folder} ${id}`,
    tone: final ? "bad" : "held",
    title: `${which} ${final ? "failed" : count === 1 ? "waits for another try" : "wait for another try"}`,
    text: `${reason}${next}`,
    actions: () => [
      h("button", { type: "button", class: "quiet", click: () => lookFor({ folder, kind: "failed,again,deleting", reason: id, words: reason }), "aria-label": `Show the files of ${folder}: ${reason}` }, "Show"),
      doing("Try again", async () => {
        const told = await act("retry", { folder, reason: id });
        toast(`${many(told.count, "file")} will be tried again.`);
      }, { "aria-label": `Try again in ${folder}: ${reason}` }),
    ],
  };
}

function drifts({ folders }) {
  return folders.filter((folder) => folder.drift.findings).map(({ name, drift }) => ({
    key: `drift ${name}`,
    tone: "held",
    title: `${name}: ${many(drift.findings, "document")} not as agreed`,
    text: `changed in Dify; kbsync audit ${name} tells which, and --repair puts them right`,
    actions: () => [],
  }));
}

function hooks({ hooks }) {
  return hooks.map((text) => ({ key: `hook ${text}`, tone: "held", title: "Nobody was told", text, actions: () => [] }));
}

function checks({ checks }) {
  return checks.filter((check) => !check.passed).map(({ question, reason }) => ({
    key: `check ${question}`,
    tone: "held",
    title: question,
    text: reason,
    actions: () => [],
  }));
}
