// The tab "Plex" of a scene: the items it goes to, and their fields side by side.

import { plexWebAddress, rowsOf } from "./comparison.js";
import { Action, Fragment, Guard, h, PushScene, Table, Trouble, usePolling, useState } from "./react.js";
import { ask, plugin } from "./stash.js";
import { duration, sentence } from "./words.js";

/** @typedef {import("./types").SceneStatus} SceneStatus */
/** @typedef {import("./types").PreviewItem} PreviewItem */

const LOOK_MS = 5000;

/** @param {{ sceneId: number }} props */
export default function SceneTab({ sceneId }) {
  return h(Guard, null, h("div", { className: "plexsync" }, h(Status, { sceneId }), h(Comparison, { sceneId })));
}

/** @param {{ sceneId: number }} props */
function Status({ sceneId }) {
  const { data, error, again } = usePolling(() => ask("scene_status", { scene_id: sceneId }), LOOK_MS, [sceneId]);
  const status = /** @type {SceneStatus | null} */ (data);
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    status ? lastInWords(status, Date.now() / 1000).map((text) => h("p", { key: text }, text)) : null,
    h(PushScene, { sceneId, label: "Push now", again }),
  );
}

/** @param {SceneStatus} status @param {number} now @returns {string[]} */
function lastInWords(status, now) {
  const ago = status.settled_at ? `${duration(now - status.settled_at)} ago` : "";
  const ends = /** @type {Record<string, string>} */ ({
    pushed: `Pushed to Plex ${ago}.`,
    unchanged: `Plex already had everything ${ago}.`,
    skipped: `Left alone ${ago}: there is nothing to push, or a setting leaves it out.`,
    missing: `Plex does not have its file; looked for ${ago}.`,
    dead: `Given up ${ago}.`,
    ignored: `Ignored ${ago}: it is left alone until you change or push it.`,
  });
  const words = [(status.verdict && ends[status.verdict]) || "It has not been pushed yet."];
  const { job, dead_letter: letter } = status;
  if (letter) words.push(`${sentence(letter.error_text)} ${sentence(letter.advice)}`);
  if (job?.is_in_progress) words.push("It is being pushed.");
  else if (job?.due_at)
    words.push(`It waits and is tried again in ${duration(job.due_at - now)}: ${sentence(job.error_text)}`);
  else if (job) words.push("It is queued.");
  return words;
}

/** Asks Plex, so only when it is asked for. @param {{ sceneId: number }} props */
function Comparison({ sceneId }) {
  const [found, setFound] = useState(
    /** @type {{ items: PreviewItem[], message: string, web: (key: number) => string } | null} */ (null),
  );
  const compare = async () => {
    const [preview, status, { values }] = await Promise.all([
      ask("preview", { scene_id: sceneId }),
      ask("scene_status", { scene_id: sceneId }),
      plugin(),
    ]);
    setFound({ ...preview, web: (key) => plexWebAddress(String(values.plex_url || ""), status.server, key) });
    return "";
  };
  return h(
    Fragment,
    null,
    h(Action, { label: "Compare with Plex", run: compare }),
    found?.message ? h("p", null, sentence(found.message)) : null,
    found
      ? found.items.map((item) => h(Item, { key: item.rating_key, item, address: found.web(item.rating_key) }))
      : null,
  );
}

/** @param {{ item: PreviewItem, address: string }} props */
function Item({ item, address }) {
  const name = `${item.title} in Plex`;
  return h(
    "section",
    null,
    h("h5", null, address ? h("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, name) : name),
    h("p", null, `In the library ${item.library}, found by ${item.reason}. `, h("small", null, item.path)),
    h(Table, {
      head: ["Field", "Plex", "Stash"],
      hasRowHeads: true,
      rows: rowsOf(item).map(({ field, plex, stash, differs }) => ({
        key: field,
        className: differs ? "plexsync-differs" : "",
        cells: [
          h(Fragment, null, field, differs ? h("span", { className: "sr-only" }, " differs") : null),
          plex,
          stash,
        ],
      })),
    }),
  );
}
