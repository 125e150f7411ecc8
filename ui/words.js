// Numbers, times and sentences in words. Pure.

/** @typedef {import("./types").Overview} Overview */

const UNITS = /** @type {const} */ ([
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
]);

const LOOKS_FOR_RATE = 20;

/** @param {number} count @returns {string} `1,204` */
export const number = (count) => count.toLocaleString("en");

/**
 * @param {number} count
 * @param {string} noun
 * @returns {string} `1 scene`, `1,204 scenes`
 */
export const counted = (count, noun) => `${number(count)} ${count === 1 ? noun : `${noun}s`}`;

/**
 * @param {number} count
 * @param {string} one `is`
 * @param {string} many `are`
 * @returns {string} `1 scene is`, `1,204 scenes are`
 */
const scenesThat = (count, one, many) => `${counted(count, "scene")} ${count === 1 ? one : many}`;

/**
 * The two largest units, rounded: `42 s`, `3 min 20 s`, `2 h 5 min`, `4 d 1 h`. Negative: `0 s`.
 * @param {number} seconds
 */
export function duration(seconds) {
  let whole = Math.max(0, Math.round(seconds));
  for (const [index, [name, size]] of UNITS.entries()) {
    if (whole < size) continue;
    const smaller = UNITS[index + 1];
    if (!smaller) break;
    whole = Math.round(whole / smaller[1]) * smaller[1];
    const rest = Math.floor((whole % size) / smaller[1]);
    return `${Math.floor(whole / size)} ${name}${rest ? ` ${rest} ${smaller[0]}` : ""}`;
  }
  return `${whole} s`;
}

/**
 * @param {number} at epoch seconds
 * @param {number} now
 * @returns {string} `14:02`, or with the day where that is not today
 */
export function clockTime(at, now) {
  const then = new Date(at * 1000);
  const time = then.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  const isToday = then.toDateString() === new Date(now * 1000).toDateString();
  return isToday ? time : `${then.toLocaleDateString("en-GB", { day: "numeric", month: "short" })}, ${time}`;
}

/** @param {string} text @returns {string} with a full stop, unless it already ends like a sentence */
export function sentence(text) {
  const trimmed = text.trim();
  return /[.!?]$/.test(trimmed) ? trimmed : `${trimmed}.`;
}

/** @param {string | null | undefined} cause @returns {string} without its full stop, for brackets */
const inBrackets = (cause) => (cause ? ` (${cause.trim().replace(/[.]+$/, "")})` : "");

/**
 * The cause of an outage without the request before it and the advice after it: `connection refused`.
 * @param {string} cause
 */
export const shortCause = (cause) => (cause.replace(/^[A-Z]+ \S+: /, "").split(";")[0] || cause).trim();

/**
 * How many scenes need a person: dead letters, and those that Plex does not have.
 * @param {Overview} overview
 */
export const needing = (overview) => overview.queue.dead_letters + overview.missing;

/**
 * How things are, in one or more sentences.
 * @param {Overview} overview
 * @param {number} now epoch seconds by the clock of PlexSync's machine
 * @returns {{ kind: "outage" | "stopped" | "paused" | "draining" | "waiting" | "new" | "well", text: string }}
 */
export function howThingsAre(overview, now) {
  const { draining, queue, outage } = overview;
  const wait = queue.pending ? ` ${scenesThat(queue.pending, "waits", "wait")}.` : "";
  const next = draining.until && draining.until > now ? ` Next check in ${duration(draining.until - now)}.` : "";
  if (draining.stopped_by === "circuit" && outage && overview.circuit.state === "open") {
    const since = `Plex has not answered since ${clockTime(outage.started_at, now)}${inBrackets(shortCause(outage.cause))}.`;
    return { kind: "outage", text: `${since}${wait}${next}` };
  }
  if (draining.stopped_by === "paused") return { kind: "paused", text: `PlexSync is paused.${wait}` };
  if (draining.stopped_by) {
    return { kind: "stopped", text: `${sentence(draining.message || "Nothing is pushed for now")}${wait}${next}` };
  }
  if (queue.pending > queue.waiting) {
    const left = queue.pending - queue.waiting;
    const covers = Math.min(queue.covers_left, left);
    const follow = covers ? `, ${number(covers)} of them with only the cover left` : "";
    return { kind: "draining", text: `${scenesThat(left, "is", "are")} on the way to Plex${follow}.` };
  }
  return atRest(overview, now);
}

/** @param {Overview} overview @param {number} now @returns {ReturnType<typeof howThingsAre>} */
function atRest(overview, now) {
  const { queue, scenes_in_plex: inPlex, ignored, last_push_at: lastPush } = overview;
  const need = needing(overview);
  const needs = need ? ` ${scenesThat(need, "needs", "need")} you.` : "";
  const last = lastPush ? ` Last change ${duration(now - lastPush)} ago.` : "";
  if (queue.waiting) {
    const when = queue.next_due_at ? `; next attempt in ${duration(queue.next_due_at - now)}` : "";
    return { kind: "waiting", text: `${scenesThat(queue.waiting, "waits", "wait")}${when}.${needs}${last}` };
  }
  if (!inPlex && !need && !ignored) {
    return { kind: "new", text: "No scene has been pushed yet. Go through Set-up, then run Sync All Scenes." };
  }
  if (need || ignored) {
    const left = ignored ? `, ${number(ignored)} ${ignored === 1 ? "is" : "are"} ignored` : "";
    return {
      kind: need ? "waiting" : "well",
      text: `${scenesThat(inPlex, "is", "are")} in Plex${left}.${needs}${last}`,
    };
  }
  const all = inPlex === 1 ? "The only scene is" : `All ${scenesThat(inPlex, "is", "are")}`;
  return { kind: "well", text: `${all} in Plex.${last}` };
}

/**
 * How many scenes are still to be pushed. One of which only the cover is left counts half.
 * @param {Overview["queue"]} queue
 */
export const leftToPush = ({ pending, waiting, covers_left: covers }) =>
  pending - waiting - Math.min(covers, pending - waiting) / 2;

/** @typedef {import("./types").Drain} Drain */

/** @param {Drain} drain @param {number} at @param {number} left @returns {Drain} with this look */
export function lookedAt({ most, looks }, at, left) {
  const isNew = looks[looks.length - 1]?.at !== at;
  return { most: Math.max(most, left), looks: isNew ? [...looks.slice(1 - LOOKS_FOR_RATE), { at, left }] : looks };
}

/** How far a drain has come; null without one. @param {Drain} drain */
export function progressOf({ most, looks }) {
  const first = looks[0];
  const last = looks[looks.length - 1];
  if (!first || !last?.left) return null;
  // More may be queued meanwhile.
  const gone = looks.reduce((sum, { left }, n) => sum + Math.max(0, (looks[n - 1]?.left ?? 0) - left), 0);
  const perSecond = gone > 0 ? gone / (last.at - first.at) : null;
  return {
    percent: Math.floor(100 * (1 - last.left / most)),
    perMinute: perSecond && Math.round(perSecond * 60),
    leftS: perSecond && last.left / perSecond,
  };
}

/** @type {Readonly<Record<string, string>>} */
const REASONS = {
  PlexServerDown: "Plex went down",
  PlexTimeout: "Plex did not answer in time",
  PlexServerError: "Plex failed on the item",
  NotInPlex: "Plex does not have the file",
  Ambiguous: "Several items in Plex fit",
  Rejected: "Plex refused the change",
  SceneTooLarge: "The metadata of the scene is too large",
  Bug: "PlexSync has a fault",
};

/**
 * What a group of scenes is called.
 * @param {{ group: string, error_class: string, count: number }} group
 */
export function groupTitle(group) {
  const reason = REASONS[group.error_class] || group.error_class;
  if (group.group === "ignored") return `Ignored: ${counted(group.count, "scene")}`;
  if (group.group === "missing") return `Not in Plex: ${counted(group.count, "scene")}`;
  const what = group.group === "dead" ? "given up" : "waiting";
  return `${reason}: ${counted(group.count, "scene")} ${what}`;
}

/**
 * The steps of the Health Check, in the order in which a scene passes them.
 * @type {Readonly<Record<string, string>>}
 */
export const STEPS = {
  python: "Python",
  address: "Plex address",
  tls: "Certificate",
  token: "Token",
  libraries: "Libraries",
  stash: "Stash",
  paths: "Scenes",
  data: "Data directory",
  worker: "Worker",
};

/** @param {string} name @returns {string} */
export const stepTitle = (name) => STEPS[name] || name;

/** @param {boolean | null} ok @returns {string} whether a step was passed; null: not reached, or not known */
export const stepMark = (ok) => (ok === null ? "–" : ok ? "✓" : "✗");

/**
 * The result of a task in words: its numbers, and what it says.
 * @param {any} output
 * @returns {string}
 */
export function resultInWords(output) {
  if (output === null || typeof output !== "object") return String(output ?? "Done.");
  const numbers = Object.entries(output.queue || output)
    .filter(([, value]) => value && typeof value === "number")
    .filter(([name]) => !/_at$|_s$|_ms$|^latency/.test(name))
    .map(([name, value]) => `${name.replace(/_/g, " ")}: ${number(/** @type {number} */ (value))}`);
  const said = typeof output.message === "string" && output.message ? sentence(output.message) : "";
  const nested = Object.entries(output.gaps || {}).map(([name, value]) => `${name}: ${number(Number(value))}`);
  const counts = [...numbers, ...nested].join(", ");
  return [said, counts && `${counts}.`].filter(Boolean).join(" ") || "Done.";
}
