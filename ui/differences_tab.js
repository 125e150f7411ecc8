// The tab "Differences": what a reconciliation would change, Plex and Stash side by side.

import { asText, fieldName } from "./comparison.js";
import { Action, Fragment, h, PushScene, ReactRouterDOM, Table, useState } from "./react.js";
import { ask } from "./stash.js";
import { counted, number } from "./words.js";

/** @typedef {import("./types").Gap} Gap */

const SCOPES = /** @type {const} */ ([
  ["24h", "Changed in the last 24 hours"],
  ["7days", "Changed in the last 7 days"],
  ["all", "All scenes"],
]);

export function Differences() {
  const [scope, setScope] = useState("24h");
  const [gaps, setGaps] = useState(/** @type {Gap[] | null} */ (null));
  const compare = async () => {
    const found = await ask("reconcile_preview", { scope });
    setGaps(
      found.changes.map((/** @type {any} */ change, /** @type {number} */ index) => ({
        ...found.scenes[index],
        ...change,
      })),
    );
    const counts = Object.entries(found.gaps).map(([name, count]) => `${number(Number(count))} ${name}`);
    return `${counted(found.checked, "scene")} compared: ${counts.join(", ")}.`;
  };
  const pushAll = async () => {
    const { queued } = await ask("push_again", { scene_ids: (gaps || []).map((gap) => gap.scene_id) });
    return `${counted(queued, "scene")} queued.`;
  };
  return h(
    Fragment,
    null,
    h(
      "div",
      { className: "plexsync-choose" },
      h("label", { htmlFor: "plexsync-scope" }, "Which scenes"),
      h(
        "select",
        {
          id: "plexsync-scope",
          className: "form-control input-control",
          value: scope,
          onChange: (/** @type {any} */ event) => setScope(event.target.value),
        },
        SCOPES.map(([value, name]) => h("option", { key: value, value }, name)),
      ),
      h(Action, { label: "Compare", run: compare }),
      gaps?.length ? h(Action, { label: "Push all that are listed", run: pushAll }) : null,
    ),
    gaps && !gaps.length ? h("p", null, "Plex and Stash agree.") : null,
    (gaps || []).map((gap) => h(GapOfScene, { key: gap.scene_id, gap })),
  );
}

/** @param {{ gap: Gap }} props */
function GapOfScene({ gap }) {
  const title = gap.title || `Scene ${gap.scene_id}`;
  const { Link } = ReactRouterDOM;
  const fields = Object.entries(gap.fields);
  return h(
    "section",
    { className: "plexsync-group" },
    h("h2", { className: "plexsync-group-title" }, h(Link, { to: `/scenes/${gap.scene_id}` }, title)),
    gap.type === "missing" ? h("p", { className: "plexsync-path" }, `Not in Plex: ${gap.paths.join(", ")}`) : null,
    fields.length
      ? h(Table, {
          head: ["Field", "Plex", "Stash"],
          hasRowHeads: true,
          rows: fields.map(([field, [plex, stash]]) => ({
            key: field,
            className: "plexsync-differs",
            cells: [fieldName(field), asText(plex), asText(stash)],
          })),
        })
      : null,
    h(PushScene, { sceneId: gap.scene_id, label: "Push", name: `Push ${title}` }),
  );
}
