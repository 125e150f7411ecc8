// The page /plexsync: how things are in one sentence, and the tabs.

import { Availability } from "./availability_tab.js";
import { Differences } from "./differences_tab.js";
import { NeedsYou } from "./needs_you_tab.js";
import {
  Action,
  Bootstrap,
  Guard,
  h,
  Trouble,
  useEffect,
  useOverview,
  usePolling,
  useRef,
  useState,
  useTicking,
} from "./react.js";
import { Settings } from "./settings_tab.js";
import { Setup } from "./setup_tab.js";
import { ask, saveSettings, scenes } from "./stash.js";
import { Tasks } from "./tasks_tab.js";
import { counted, duration, howThingsAre, leftToPush, lookedAt, needing, progressOf, sentence } from "./words.js";

const LOOK_MS = 1500;
const WATCH_MS = 4000;
const WATCHED_PROBE_S = 3;

export default function Page() {
  const { data, error, again, now } = useOverview(LOOK_MS);
  useTicking(1000);
  usePolling(() => ask("watch"), WATCH_MS);
  useEffect(() => {
    const before = document.title;
    document.title = "PlexSync";
    return () => {
      document.title = before;
    };
  }, []);
  const { Tab, Tabs } = Bootstrap;
  const tab = (/** @type {string} */ key, /** @type {string} */ title, /** @type {any} */ content) =>
    h(Tab, { eventKey: key, title, key }, h(Guard, null, content));
  const need = data ? needing(data) : 0;
  return h(
    "main",
    { className: "plexsync container-fluid" },
    h("h1", { className: "h3 my-3" }, "PlexSync"),
    h(Trouble, { text: error }),
    data
      ? h(State, { overview: data, now: now(), again })
      : h("p", { role: "status" }, error ? "" : "PlexSync is loading…"),
    h(
      Tabs,
      {
        id: "plexsync-tabs",
        mountOnEnter: true,
        unmountOnExit: true,
        defaultActiveKey: "needs",
        className: "plexsync-tabs",
      },
      tab("needs", need ? `Needs you (${need})` : "Needs you", h(NeedsYou, { now })),
      tab("differences", "Differences", h(Differences, null)),
      tab("availability", "Availability", h(Availability, { now })),
      tab("setup", "Set-up", h(Setup, null)),
      tab("settings", "Settings", h(Settings, null)),
      tab("tasks", "Tasks", h(Tasks, { again })),
    ),
  );
}

/** @param {{ overview: import("./types").Overview, now: number, again: () => void }} props */
function State({ overview, now, again }) {
  const { kind, text } = howThingsAre(whileWatched(overview), now);
  const isPaused = overview.draining.stopped_by === "paused";
  const pause = async (/** @type {boolean} */ paused) => {
    await saveSettings((stored) => ({ ...stored, paused }));
    again();
    return paused ? "The worker stops within seconds." : "The worker continues within seconds.";
  };
  const isBusy = overview.queue.pending > overview.queue.waiting;
  return h(
    "section",
    { className: `plexsync-state plexsync-${kind}`, "aria-label": "State" },
    h("p", { className: "plexsync-sentence", role: "status" }, text),
    kind === "outage" && overview.outage
      ? h("p", { className: "plexsync-when" }, sentence(overview.outage.cause))
      : null,
    overview.problems.map((problem) => h(Trouble, { key: problem, text: problem })),
    isBusy && !overview.draining.stopped_by ? h(Progress, { overview }) : null,
    isBusy || isPaused
      ? h(Action, { key: String(isPaused), label: isPaused ? "Resume" : "Pause", run: () => pause(!isPaused) })
      : null,
  );
}

/**
 * Plex is probed earlier than planned, because the page is open.
 * @param {import("./types").Overview} overview
 * @returns {import("./types").Overview}
 */
function whileWatched(overview) {
  const { draining, recovery } = overview;
  if (!draining.until || draining.stopped_by === "busy" || !recovery.last_check_at) return overview;
  const until = Math.min(draining.until, recovery.last_check_at + WATCHED_PROBE_S);
  return { ...overview, draining: { ...draining, until } };
}

/** @param {{ overview: import("./types").Overview }} props */
function Progress({ overview }) {
  const drain = useRef(/** @type {import("./types").Drain} */ ({ most: 0, looks: [] }));
  drain.current = lookedAt(drain.current, overview.now, leftToPush(overview.queue));
  const title = useTitleOf(overview.in_progress[0]);
  const progress = progressOf(drain.current);
  if (!progress) return null;
  const rate = progress.perMinute === null ? "" : `, ${counted(progress.perMinute, "scene")} a minute`;
  const left = progress.leftS === null ? "" : `, about ${duration(progress.leftS)} left`;
  return h(
    "div",
    { className: "plexsync-progress" },
    h(
      "div",
      {
        className: "progress",
        role: "progressbar",
        "aria-label": "Pushed",
        "aria-valuenow": progress.percent,
        "aria-valuemin": 0,
        "aria-valuemax": 100,
      },
      h("div", { className: "progress-bar", style: { width: `${progress.percent}%` } }),
    ),
    h("p", null, `${progress.percent} % done${rate}${left}.${title ? ` Now: ${title}` : ""}`),
  );
}

/** @param {number | undefined} sceneId @returns {string} */
function useTitleOf(sceneId) {
  const [title, setTitle] = useState("");
  useEffect(() => {
    if (!sceneId) return;
    scenes([sceneId]).then(
      (found) => setTitle(found.get(sceneId)?.title || `scene ${sceneId}`),
      () => setTitle(`scene ${sceneId}`),
    );
  }, [sceneId]);
  return sceneId ? title : "";
}
