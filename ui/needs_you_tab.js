// The tab "Needs you": the scenes that are not in Plex as they should be, by reason.

import { Action, Fragment, h, ReactRouterDOM, Trouble, useEffect, usePolling, useState } from "./react.js";
import { ask, scenes } from "./stash.js";
import { clockTime, counted, duration, groupTitle, number, sentence } from "./words.js";

/** @typedef {import("./types").Group} Group */
/** @typedef {import("./types").SceneInNeed} SceneInNeed */

const LOOK_MS = 4000;
const PAGE = 20;

/** @param {{ now: () => number }} props */
export function NeedsYou({ now }) {
  const { data, error, again } = usePolling(() => ask("needs_you"), LOOK_MS);
  const groups = /** @type {Group[]} */ (data ? data.groups : []);
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    data && !groups.length ? h("p", null, "Nothing needs you: every scene is in Plex, or on its way.") : null,
    groups.map((group) => h(GroupOfScenes, { key: `${group.group} ${group.error_class}`, group, now, again })),
  );
}

/** @param {{ group: Group, now: () => number, again: () => void }} props */
function GroupOfScenes({ group, now, again }) {
  const [isOpen, setOpen] = useState(false);
  const id = `plexsync-group-${group.group}-${group.error_class.replace(/\W/g, "")}`;
  const all = async () => {
    const { queued } = await ask("push_again", { error_class: group.error_class });
    again();
    return `${counted(queued, "scene")} queued.`;
  };
  return h(
    "section",
    { className: "plexsync-group" },
    h(
      "h2",
      { className: "plexsync-group-title" },
      h(
        "button",
        {
          type: "button",
          className: "btn btn-link",
          "aria-expanded": isOpen,
          "aria-controls": id,
          onClick: () => setOpen(!isOpen),
        },
        groupTitle(group),
      ),
    ),
    h("p", { className: "plexsync-advice" }, sentence(group.advice)),
    group.group === "dead"
      ? h(Action, { label: "Push all of them again", name: `Push all of them again: ${groupTitle(group)}`, run: all })
      : null,
    h("div", { id }, isOpen ? h(Scenes, { group, now, again }) : null),
  );
}

/** @param {{ group: Group, now: () => number, again: () => void }} props */
function Scenes({ group, now, again }) {
  const [offset, setOffset] = useState(0);
  const { data, error } = usePolling(
    () => ask("needs_you", { group: group.group, error_class: group.error_class, limit: PAGE, offset }),
    LOOK_MS,
    [offset],
  );
  const rows = /** @type {SceneInNeed[]} */ (data ? data.scenes : []);
  const known = useScenes(rows.map((row) => row.scene_id));
  const page = (/** @type {string} */ label, /** @type {number} */ to, /** @type {boolean} */ isPossible) =>
    h(
      "button",
      { type: "button", className: "btn btn-secondary btn-sm", disabled: !isPossible, onClick: () => setOffset(to) },
      label,
    );
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    h(
      "ul",
      { className: "plexsync-scenes", "aria-label": groupTitle(group) },
      rows.map((row) => h(Scene, { key: row.scene_id, row, known: known.get(row.scene_id), now, again })),
    ),
    group.count > PAGE
      ? h(
          "p",
          { className: "plexsync-pages" },
          page("Back", Math.max(0, offset - PAGE), offset > 0),
          ` ${number(offset + 1)} to ${number(Math.min(offset + PAGE, group.count))} of ${number(group.count)} `,
          page("Next", offset + PAGE, offset + PAGE < group.count),
        )
      : null,
  );
}

/**
 * @param {{ row: SceneInNeed, known?: { title: string, path: string, picture: string }, now: () => number,
 *   again: () => void }} props
 */
function Scene({ row, known, now, again }) {
  const title = known?.title || row.title || `Scene ${row.scene_id}`;
  const path = known?.path || row.path;
  const push = async () => {
    const { verdict, message } = await ask("sync_scene", { scene_id: row.scene_id });
    again();
    return message ? sentence(message) : `Done: ${verdict}.`;
  };
  const when = [
    row.attempts ? counted(row.attempts, "attempt") : "",
    row.failed_last_at ? `last ${clockTime(row.failed_last_at, now())}` : "",
    row.due_at ? `next try in ${duration(row.due_at - now())}` : "",
  ].filter(Boolean);
  const { Link } = ReactRouterDOM;
  return h(
    "li",
    { className: "plexsync-scene" },
    known?.picture ? h("img", { src: known.picture, alt: "", loading: "lazy", className: "plexsync-picture" }) : null,
    h(
      "div",
      { className: "plexsync-scene-text" },
      h(Link, { to: `/scenes/${row.scene_id}` }, title),
      h("div", { className: "plexsync-path" }, path),
      row.error_text ? h("div", null, sentence(row.error_text)) : null,
      h("div", { className: "plexsync-when" }, when.join(", ")),
    ),
    h(Action, { label: "Push again", name: `Push again: ${title}`, run: push }),
  );
}

/**
 * What Stash knows of the scenes. What cannot be asked is left out.
 * @param {readonly number[]} ids
 */
function useScenes(ids) {
  const [known, setKnown] = useState(/** @type {Awaited<ReturnType<typeof scenes>>} */ (new Map()));
  const key = ids.join(",");
  useEffect(() => {
    let isShown = true;
    scenes(ids).then(
      (found) => isShown && setKnown(found),
      () => undefined,
    );
    return () => {
      isShown = false;
    };
  }, [key]);
  return known;
}
