// The tab "Set-up": the sign-in, and the way of a scene from Stash to Plex, step by step.

import { Action, Fragment, h, Trouble, useCallback, useEffect, useState } from "./react.js";
import { merged } from "./setting_groups.js";
import { SignIn } from "./sign_in.js";
import { ask, messageOf, saveSettings } from "./stash.js";
import { counted, stepMark, stepTitle } from "./words.js";

/** @typedef {import("./types").Health} Health */

export function Setup() {
  const [health, setHealth] = useState(/** @type {Health | null} */ (null));
  const [error, setError] = useState("");
  const check = useCallback(async () => {
    try {
      setHealth(await ask("health_check"));
      setError("");
    } catch (reason) {
      setError(messageOf(reason));
    }
  }, []);
  useEffect(() => void check(), [check]);
  return h(
    Fragment,
    null,
    h("h2", { className: "h5" }, "Sign in to Plex"),
    h("p", null, "It fills in Plex address and Plex token. Or enter both on the tab Settings."),
    h(SignIn, { again: check }),
    h("h2", { className: "h5 mt-3" }, "Health Check"),
    h(Action, { label: "Check again", run: check }),
    h(Trouble, { text: error }),
    health ? h(Steps, { health }) : h("p", { role: "status" }, error ? "" : "Asking Plex…"),
    health?.libraries_to_choose
      ? h(Libraries, {
          key: JSON.stringify(health.libraries_to_choose),
          libraries: health.libraries_to_choose,
          again: check,
        })
      : null,
    health ? h(Paths, { health }) : null,
  );
}

/** @param {{ health: Health }} props */
function Steps({ health }) {
  return h(
    "ol",
    { className: "plexsync-steps" },
    health.steps.map((step) =>
      h(
        "li",
        { key: step.name },
        h("strong", null, `${stepMark(step.ok)} ${stepTitle(step.name)}: `),
        step.text,
        step.cure ? h("div", { className: "plexsync-bad" }, step.cure) : null,
      ),
    ),
  );
}

/** @param {{ libraries: import("./types").LibraryToChoose[], again: () => Promise<void> }} props */
function Libraries({ libraries, again }) {
  const [chosen, setChosen] = useState(() => libraries.filter((each) => each.is_chosen).map((each) => each.entry));
  const tick = (/** @type {string} */ entry, /** @type {boolean} */ isTicked) =>
    setChosen((before) => [...before.filter((each) => each !== entry), ...(isTicked ? [entry] : [])]);
  const save = async () => {
    await saveSettings((stored) => merged(stored, { plex_library: chosen.join(", ") }));
    await again();
    return "Saved.";
  };
  return h(
    "fieldset",
    { className: "mt-3" },
    h("legend", { className: "h5" }, "Libraries"),
    h("p", null, "Tick those that hold files of Stash. Without a tick, all that can be used are used."),
    libraries.map(({ name, entry, contents, items, is_chosen: isNamed, reason }, index) =>
      h(
        "div",
        { key: entry, className: "plexsync-library" },
        h("input", {
          type: "checkbox",
          id: `plexsync-library-${index}`,
          checked: chosen.includes(entry),
          disabled: Boolean(reason) && !isNamed,
          onChange: (/** @type {any} */ event) => tick(entry, event.target.checked),
        }),
        h(
          "label",
          { htmlFor: `plexsync-library-${index}` },
          contents ? `${name} (${items === null ? contents : `${contents}, ${counted(items, "item")}`})` : name,
          reason ? h("small", null, ` ${reason}`) : null,
        ),
      ),
    ),
    h(Action, { label: "Save libraries", run: save }),
  );
}

/** @param {{ health: Health }} props */
function Paths({ health }) {
  const { paths, path_map_inferred: inferred } = health;
  const { examples, idle_rules: idle } = paths ?? { examples: [], idle_rules: [] };
  return h(
    Fragment,
    null,
    h("h2", { className: "h5 mt-3" }, "Paths"),
    inferred.length ? h("p", null, `Inferred from file names and sizes: ${inferred.join("; ")}`) : null,
    idle.length ? h("p", { className: "plexsync-bad" }, `Rules that match no file: ${idle.join("; ")}`) : null,
    examples.length ? null : h("p", null, "Once Plex is ready, PlexSync looks for some scenes there."),
    h(
      "ul",
      { className: "plexsync-paths" },
      examples.map((each) =>
        h(
          "li",
          { key: each.scene_id },
          `${stepMark(each.found)} ${each.path} → ${each.plex_path}, ${each.found ? "found" : "not found"}`,
          each.how || each.reason ? h("small", null, ` ${each.how || each.reason}`) : null,
        ),
      ),
    ),
  );
}
