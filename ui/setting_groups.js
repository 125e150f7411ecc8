// The settings in groups, with their defaults and what is allowed. Pure. The program decides: this only says it earlier.

/** @typedef {import("./types").Rule} Rule */

const OFF = { standard: false };
const TEXT = { standard: "" };
const ADDRESS = { ...TEXT, form: /^(https?:\/\/)?[^\s/]+(:\d+)?(\/\S*)?$/i, example: "http://192.168.1.5:32400" };
const SKIPPING = "title studio summary date rating performers tags director collections poster background"
  .split(" ")
  .map((field) => `skip_${field}`);

/** @type {Readonly<Record<string, Rule>>} */
export const RULES = {
  plex_url: ADDRESS,
  plex_token: { ...TEXT, form: /^\S+$/, isSecret: true },
  plex_library: { ...TEXT, example: "Movies, Clips" },
  path_map: { ...TEXT, form: /^[^;]+=>[^;]+(;[^;]+=>[^;]+)*;?\s*$/, example: "/data => /media" },
  paused: OFF,
  only_organized: OFF,
  allow_ambiguous: OFF,
  keep_plex_edits: OFF,
  skip_missing: OFF,
  stash_url_for_plex: { ...ADDRESS, example: "http://192.168.1.5:9999" },
  scan_plex: OFF,
  ...Object.fromEntries(SKIPPING.map((key) => [key, OFF])),
  exclude_tags: TEXT,
  max_tags: { standard: 100, least: 1, most: 1000 },
  max_retries: { standard: 5, least: 1, most: 100 },
  connect_timeout: { standard: 5, least: 1, most: 600 },
  read_timeout: { standard: 30, least: 1, most: 600 },
  tls: { standard: "verify" },
  recovery_rate: { standard: 5, least: 1, most: 100 },
  recovery_minutes: { standard: 5, least: 1, most: 30 },
  reconcile_interval: { standard: "never", choices: ["never", "hourly", "daily", "weekly"] },
  reconcile_scope: { standard: "24h", form: /^(all|24h|7days|[1-9]\d{0,3}d)$/i, example: "30d" },
  ignore_missing: OFF,
  leave_when_idle: OFF,
  debug_logging: OFF,
  hide_paths: OFF,
};

/** @type {readonly { name: string, keys: readonly string[] }[]} */
export const GROUPS = [
  {
    name: "Connection",
    keys: ["plex_url", "plex_token", "tls", "connect_timeout", "read_timeout", "stash_url_for_plex"],
  },
  {
    name: "What is pushed",
    keys: ["paused", "only_organized", "keep_plex_edits", ...SKIPPING, "exclude_tags", "max_tags"],
  },
  { name: "Matching", keys: ["plex_library", "path_map", "allow_ambiguous", "skip_missing", "scan_plex"] },
  { name: "Recovery", keys: ["max_retries", "recovery_rate", "recovery_minutes", "leave_when_idle"] },
  { name: "Reconciliation", keys: ["reconcile_interval", "reconcile_scope", "ignore_missing"] },
  { name: "Log", keys: ["debug_logging", "hide_paths"] },
];

/** What a new user needs, in the order in which it is filled in. */
export const ESSENTIALS = ["plex_url", "plex_token", "plex_library", "path_map", "paused"];

/**
 * The groups with the settings that this version of the plugin has; those that no group names come last.
 * @template {{ name: string }} T
 * @param {readonly T[]} settings
 * @returns {{ name: string, settings: T[] }[]}
 */
export function grouped(settings) {
  const named = new Set(GROUPS.flatMap((group) => group.keys));
  const byName = new Map(settings.map((setting) => [setting.name, setting]));
  const groups = GROUPS.map(({ name, keys }) => ({
    name,
    settings: keys.flatMap((key) => byName.get(key) ?? []),
  }));
  const others = settings.filter((setting) => !named.has(setting.name));
  return [...groups, { name: "Other", settings: others }].filter((group) => group.settings.length > 0);
}

/**
 * What is wrong with a value, in words; "" if nothing is. Empty, and 0 for a number, mean the default.
 * @param {string} key
 * @param {string | number | boolean | null | undefined} value
 */
export function problemOf(key, value) {
  const rule = RULES[key];
  if (!rule || value === "" || value === null || value === undefined || typeof value === "boolean") return "";
  if (rule.least !== undefined && rule.most !== undefined) {
    const number = Number(value);
    const isAllowed = Number.isInteger(number) && (number === 0 || (number >= rule.least && number <= rule.most));
    return isAllowed ? "" : `It must be a whole number from ${rule.least} to ${rule.most}; 0 means ${rule.standard}.`;
  }
  const text = String(value).trim();
  if (rule.choices && !rule.choices.includes(text.toLowerCase())) return `It must be ${inList(rule.choices)}.`;
  if (rule.form && !rule.form.test(text))
    return rule.example ? `It should look like ${rule.example}.` : "It must not contain spaces.";
  return "";
}

/** @param {readonly string[]} words @returns {string} `a, b or c` */
const inList = (words) => `${words.slice(0, -1).join(", ")} or ${words[words.length - 1]}`;

/**
 * What is shown as the default of a setting.
 * @param {string} key
 */
export function defaultInWords(key) {
  const standard = RULES[key]?.standard;
  return standard && standard !== true ? `Default: ${standard}` : "";
}

/**
 * The settings to store: those that were there, with the changes. A key without a value is left out.
 * @param {Readonly<Record<string, unknown>>} stored
 * @param {Readonly<Record<string, unknown>>} changes
 * @returns {Record<string, unknown>}
 */
export function merged(stored, changes) {
  const all = { ...stored, ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined && value !== null));
}
