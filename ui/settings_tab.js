// The tab "Settings": all settings in groups, checked before they are stored.

import { Action, Fragment, h, Trouble, useCallback, useEffect, useState } from "./react.js";
import { defaultInWords, ESSENTIALS, grouped, merged, problemOf, RULES } from "./setting_groups.js";
import { messageOf, plugin, saveSettings } from "./stash.js";

/** @typedef {import("./types").Setting} Setting */
/** @typedef {import("./types").Value} Value */

/** All settings in groups. */
export function Settings() {
  return h(Form, { parts: (settings) => grouped(settings).map((group) => ({ ...group, isOpen: true })) });
}

/** What a new user needs, and the rest folded. */
export function EssentialSettings() {
  return h(Form, {
    parts: (settings) => {
      const essential = ESSENTIALS.flatMap((key) => settings.find((setting) => setting.name === key) ?? []);
      const rest = grouped(settings.filter((setting) => !ESSENTIALS.includes(setting.name)));
      return [
        { name: "Essentials", settings: essential, isOpen: true },
        ...rest.map((group) => ({ ...group, isOpen: false })),
      ];
    },
  });
}

/** @param {{ parts: (settings: Setting[]) => { name: string, settings: Setting[], isOpen: boolean }[] }} props */
function Form({ parts }) {
  const [loaded, setLoaded] = useState(/** @type {Awaited<ReturnType<typeof plugin>> | null} */ (null));
  const [changes, setChanges] = useState(/** @type {Record<string, Value>} */ ({}));
  const [error, setError] = useState("");
  const load = useCallback(() => plugin().then(setLoaded, (reason) => setError(messageOf(reason))), []);
  useEffect(() => void load(), [load]);
  if (!loaded) return h(Trouble, { text: error });
  const valueNow = (/** @type {string} */ key) => (key in changes ? changes[key] : loaded.values[key]);
  const changed = Object.keys(changes).filter((key) => changes[key] !== loaded.values[key]);
  const bad = changed.filter((key) => problemOf(key, changes[key]));
  const save = async () => {
    if (bad.length) throw new Error("Correct what is marked first.");
    const own = Object.fromEntries(changed.map((key) => [key, changes[key]]));
    await saveSettings((stored) => merged(stored, own));
    await load();
    setChanges({});
    return "Saved. It takes effect within a minute.";
  };
  return h(
    "form",
    { onSubmit: (/** @type {Event} */ event) => event.preventDefault() },
    parts(loaded.settings).map((part) =>
      h(
        "details",
        { key: part.name, open: part.isOpen, className: "plexsync-part" },
        h("summary", null, part.name),
        part.settings.map((setting) =>
          h(Field, {
            key: setting.name,
            setting,
            value: valueNow(setting.name),
            change: (/** @type {Value} */ value) => setChanges((before) => ({ ...before, [setting.name]: value })),
          }),
        ),
      ),
    ),
    h(
      "div",
      { className: "plexsync-save" },
      h(Action, { label: "Save", run: save, isSmall: false }),
      changed.length ? h("span", null, `${changed.length} not saved yet`) : null,
    ),
  );
}

/** @param {{ setting: Setting, value: Value, change: (value: Value) => void }} props */
function Field({ setting, value, change }) {
  const { name, type } = setting;
  const rule = RULES[name];
  const problem = problemOf(name, value);
  const id = `plexsync-setting-${name}`;
  const help = [setting.description || "", defaultInWords(name)].filter(Boolean).join(" ");
  const common = { id, "aria-describedby": `${id}-help`, "aria-invalid": Boolean(problem) };
  const text = value === null || value === undefined ? "" : String(value);
  const isNumber = type === "NUMBER";
  const taken = (/** @type {string} */ given) => change(isNumber && /^\d+$/.test(given) ? Number(given) : given);
  const written = {
    ...common,
    className: `form-control ${rule?.choices ? "input-control" : "text-input"}`,
    value: text,
    onChange: (/** @type {{ target: { value: string } }} */ event) => taken(event.target.value),
  };
  let field;
  if (type === "BOOLEAN") {
    field = h("input", {
      ...common,
      type: "checkbox",
      checked: Boolean(value),
      onChange: (/** @type {any} */ event) => change(event.target.checked),
    });
  } else if (rule?.choices) {
    const others = rule.choices.filter((choice) => choice !== rule.standard);
    field = h(
      "select",
      written,
      ["", ...others].map((choice) => h("option", { key: choice, value: choice }, choice || String(rule.standard))),
    );
  } else {
    field = h("input", {
      ...written,
      type: rule?.isSecret ? "password" : "text",
      inputMode: isNumber ? "numeric" : undefined,
      autoComplete: "off",
      spellCheck: false,
      placeholder: rule?.example || "",
    });
  }
  return h(
    "div",
    { className: `plexsync-field${type === "BOOLEAN" ? " plexsync-switch" : ""}` },
    h("label", { htmlFor: id }, setting.display_name || name),
    field,
    h(
      "small",
      { id: `${id}-help` },
      help,
      problem ? h(Fragment, null, " ", h("span", { className: "plexsync-bad" }, problem)) : null,
    ),
  );
}
