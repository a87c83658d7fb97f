// The deletions that are held in a folder, looked at before they are released.

import { act, ask } from "./api.js";
import { byId, doing, fill, h, sign, toast } from "./dom.js";
import { many, number } from "./words.js";

const MOST_GROUPS = 12;
const EFFECTS = {
  delete: ["deleted from the dataset", "Delete"],
  disable: ["disabled in the dataset", "Disable"],
  archive: ["archived in the dataset", "Archive"],
};

export async function review(folder) {
  const dialog = byId("review");
  dialog.replaceChildren(h("h2", { id: "review-title" }, `Looking at ${folder} …`));
  dialog.showModal();
  try {
    show(dialog, await ask("held", { folder }));
  } catch (error) {
    dialog.close();
    toast(error.message, "bad");
  }
}

function show(dialog, held) {
  const close = h("button", { type: "button", class: "quiet", click: () => dialog.close() }, "Leave them");
  if (!held.digest) {
    const text = held.reason ? `${held.reason}. Nothing is deleted for that, and nothing can be released.` : "Nothing is held any more.";
    dialog.replaceChildren(h("h2", { id: "review-title" }, held.folder), h("p", {}, text), h("p", { class: "actions" }, close));
    return;
  }
  const [effect, verb] = EFFECTS[held.verb];
  const release = doing(`${verb} ${many(held.count, "document")}`, async () => {
    const told = await act("approve", { folder: held.folder, digest: held.digest });
    dialog.close();
    toast(`${many(told.count, "deletion")} released in ${held.folder}.`);
  }, { class: "danger" });
  dialog.replaceChildren();
  fill(dialog,
    h("h2", { id: "review-title" }, `${held.folder}: ${many(held.count, "deletion")} held`),
    h("p", {}, `${held.reason}. These files are gone, and their documents would be ${effect}. What goes missing later is not covered.`),
    h("ul", { class: "groups", "aria-label": "by directory" }, ...groups(held.paths).map(group)),
    h("details", {}, h("summary", {}, "Every file"), h("ul", { class: "paths", "aria-label": "every file", tabindex: "0" }, ...held.paths.map((path) => h("li", {}, path)))),
    held.count > held.paths.length ? h("p", { class: "soft" }, `The first ${number(held.paths.length)} of them; kbsync approve ${held.folder} --all lists all.`) : null,
    h("p", { class: "actions" }, close, release),
  );
  close.focus();
}

function group([name, count]) {
  return h("li", {}, sign("soft"), h("span", { class: "path" }, name), h("span", { class: "soft" }, number(count)));
}

function groups(paths) {
  const counted = new Map();
  for (const path of paths) {
    const name = path.includes("/") ? `${path.slice(0, path.indexOf("/"))}/` : path;
    counted.set(name, (counted.get(name) ?? 0) + 1);
  }
  const most = [...counted].sort((one, other) => other[1] - one[1]);
  const rest = most.slice(MOST_GROUPS).reduce((sum, [, count]) => sum + count, 0);
  return rest ? [...most.slice(0, MOST_GROUPS), ["others", rest]] : most;
}
