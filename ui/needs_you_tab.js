// The tab "Needs you": the scenes that are not in Plex as they should be, by reason.

import {
  Action,
  Fragment,
  h,
  PushScene,
  ReactRouterDOM,
  Trouble,
  useEffect,
  usePolling,
  useRef,
  useState,
} from "./react.js";
import { ask, scenes } from "./stash.js";
import { clockTime, counted, duration, groupTitle, number, sentence } from "./words.js";

/** @typedef {import("./types").Group} Group */
/** @typedef {import("./types").SceneInNeed} SceneInNeed */

const LOOK_MS = 4000;
const PAGE = 20;

/** @typedef {import("./types").IgnoringChange} Change */
/** @typedef {import("./types").Ignore} Ignore */

/** @param {{ now: () => number }} props */
export function NeedsYou({ now }) {
  const { data, error, again } = usePolling(() => ask("needs_you"), LOOK_MS);
  const [change, setChange] = useState(/** @type {Change | null} */ (null));
  const groups = /** @type {Group[]} */ (data ? data.groups : []);
  /** @type {Ignore} */
  const ignore = async (mode, what) => {
    const { scene_ids: ids } = await ask(mode, what);
    setChange({ mode, ids });
    again();
  };
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    change ? h(Changed, { key: `${change.mode} ${change.ids}`, change, ignore }) : null,
    data && groups.every((group) => group.group === "ignored")
      ? h("p", null, "Nothing needs you: every other scene is in Plex, or on its way.")
      : null,
    groups.map((group) => h(GroupOfScenes, { key: `${group.group} ${group.error_class}`, group, now, again, ignore })),
  );
}

/** What was ignored just now, with Undo. Its button is gone, so this has the focus. @param {{ change: Change, ignore: Ignore }} props */
function Changed({ change, ignore }) {
  const line = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => line.current?.focus(), []);
  const { mode, ids } = change;
  const what = counted(ids.length, "scene");
  const back = mode === "ignore" ? "stop_ignoring" : "ignore";
  return h(
    "div",
    { className: "plexsync-choose", role: "status", tabIndex: -1, ref: line },
    h(
      "span",
      null,
      mode === "ignore"
        ? `${what} ignored${ids.length ? "" : ": they are on their way to Plex"}.`
        : `${what} no longer ignored.`,
    ),
    ids.length ? h(Action, { label: "Undo", run: () => ignore(back, { scene_ids: ids }) }) : null,
  );
}

/** @param {{ group: Group, now: () => number, again: () => void, ignore: Ignore }} props */
function GroupOfScenes({ group, now, again, ignore }) {
  const [isOpen, setOpen] = useState(false);
  const id = `plexsync-group-${group.group}-${group.error_class.replace(/\W/g, "")}`;
  const title = groupTitle(group);
  const what = { group: group.group, error_class: group.error_class };
  const all = async () => {
    const { queued } = await ask("push_again", what);
    again();
    return `${counted(queued, "scene")} queued.`;
  };
  const action = (/** @type {string} */ label, /** @type {() => Promise<string | void>} */ run) =>
    h(Action, { label, name: `${label}: ${title}`, run });
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
        title,
      ),
    ),
    h("p", null, sentence(group.advice)),
    h(
      "div",
      { className: "plexsync-action" },
      group.group === "ignored"
        ? action("Stop ignoring all of them", () => ignore("stop_ignoring", what))
        : h(
            Fragment,
            null,
            action("Push all of them again", all),
            action("Ignore all of them", () => ignore("ignore", what)),
          ),
    ),
    h("div", { id }, isOpen ? h(Scenes, { group, now, again, ignore }) : null),
  );
}

/** @param {{ group: Group, now: () => number, again: () => void, ignore: Ignore }} props */
function Scenes({ group, now, again, ignore }) {
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
      rows.map((row) =>
        h(Scene, { key: row.scene_id, row, group, known: known.get(row.scene_id), now, again, ignore }),
      ),
    ),
    group.count > PAGE
      ? h(
          "p",
          null,
          page("Back", Math.max(0, offset - PAGE), offset > 0),
          ` ${number(offset + 1)} to ${number(Math.min(offset + PAGE, group.count))} of ${number(group.count)} `,
          page("Next", offset + PAGE, offset + PAGE < group.count),
        )
      : null,
  );
}

/**
 * @param {{ row: SceneInNeed, group: Group, known?: { title: string, path: string, picture: string },
 *   now: () => number, again: () => void, ignore: Ignore }} props
 */
function Scene({ row, group, known, now, again, ignore }) {
  const title = known?.title || row.title || `Scene ${row.scene_id}`;
  const path = known?.path || row.path;
  const isIgnored = group.group === "ignored";
  const mode = isIgnored ? "stop_ignoring" : "ignore";
  const label = isIgnored ? "Stop ignoring" : "Ignore";
  const look = async () => {
    const { items, message } = await ask("preview", { scene_id: row.scene_id });
    return items.length ? "Plex has it now. Push it again." : sentence(message);
  };
  const when = [
    row.attempts ? counted(row.attempts, "attempt") : "",
    row.failed_last_at ? `last ${clockTime(row.failed_last_at, now())}` : "",
    row.due_at ? `next attempt in ${duration(row.due_at - now())}` : "",
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
      row.error_text ? null : h(Action, { label: "Look in Plex", name: `Look in Plex: ${title}`, run: look }),
    ),
    h(PushScene, { sceneId: row.scene_id, label: "Push again", name: `Push again: ${title}`, again }),
    h(Action, { label, name: `${label}: ${title}`, run: () => ignore(mode, { scene_ids: [row.scene_id] }) }),
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
