// The tab "Availability": the last 30 days, a bar for each, and how reliable Plex has been.

import { lastDays, percent, shareDown } from "./availability.js";
import { Fragment, h, Table, Trouble, usePolling, useState } from "./react.js";
import { ask } from "./stash.js";
import { clockTime, counted, duration, sentence } from "./words.js";

/** @typedef {import("./types").Summary} Summary */
/** @typedef {import("./types").Day} Day */

const LOOK_MS = 4000;

/** @param {{ now: () => number }} props */
export function Availability({ now }) {
  const { data, error } = usePolling(() => ask("outage_summary"), LOOK_MS);
  const summary = /** @type {Summary | null} */ (data);
  if (!summary) return h(Trouble, { text: error });
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    h(Days, { summary, now: now() }),
    h(Figures, { summary, now: now() }),
    h(Outages, { summary, now: now() }),
  );
}

/** @param {{ summary: Summary, now: number }} props */
function Days({ summary, now }) {
  const days = lastDays(summary.outages, summary.observed_since, now);
  const [shown, setShown] = useState(/** @type {number | null} */ (null));
  const day = days[shown ?? days.length - 1];
  return h(
    "figure",
    { className: "plexsync-days" },
    h(
      "ol",
      { className: "plexsync-bars", "aria-label": "The last 30 days" },
      days.map((each, index) =>
        h(
          "li",
          { key: each.start },
          h(
            "button",
            {
              type: "button",
              className: `plexsync-bar${each.observedS ? "" : " plexsync-unknown"}`,
              "aria-label": dayInWords(each, now),
              "aria-pressed": index === shown,
              onMouseEnter: () => setShown(index),
              onFocus: () => setShown(index),
              onClick: () => setShown(index),
            },
            h("span", { className: "plexsync-down", style: { height: `${100 * shareDown(each)}%` } }),
          ),
        ),
      ),
    ),
    h("figcaption", { "aria-live": "polite" }, day ? dayInWords(day, now) : ""),
  );
}

/** @param {Day} day @param {number} now */
function dayInWords(day, now) {
  const name = new Date(day.start * 1000).toLocaleDateString("en-GB", {
    weekday: "short",
    day: "numeric",
    month: "short",
  });
  if (!day.observedS) return `${name}: not watched`;
  if (!day.outages.length) return `${name}: available all the time`;
  const causes = day.outages.map((outage) => {
    const length = duration((outage.ended_at ?? now) - outage.started_at);
    return `${clockTime(outage.started_at, now)} for ${length}: ${outage.cause}`;
  });
  return `${name}: ${duration(day.downS)} down. ${causes.map(sentence).join(" ")}`;
}

/** @param {{ summary: Summary, now: number }} props */
function Figures({ summary, now }) {
  const since = summary.observed_since === null ? "" : `since ${clockTime(summary.observed_since, now)}`;
  /** @type {[string, string, string][]} */
  const figures = [
    ["Available", percent(summary.availability), since],
    ["Mean time to repair", summary.mttr_s === null ? "none has ended yet" : duration(summary.mttr_s), "MTTR"],
    ["Mean time between outages", summary.mtbf_s === null ? "no outage yet" : duration(summary.mtbf_s), "MTBF"],
  ];
  return h(
    "dl",
    { className: "plexsync-figures" },
    figures.map(([name, value, note]) =>
      h("div", { key: name }, h("dt", null, name), h("dd", null, value, note ? h("small", null, ` ${note}`) : null)),
    ),
  );
}

/** @param {{ summary: Summary, now: number }} props */
function Outages({ summary, now }) {
  if (!summary.outages.length) return h("p", null, "No outage is on record.");
  const rows = [...summary.outages].reverse().map((outage) => ({
    key: outage.id,
    cells: [
      clockTime(outage.started_at, now),
      outage.duration_s === null ? `${duration(now - outage.started_at)}, still going on` : duration(outage.duration_s),
      outage.jobs_affected,
      outage.cause,
    ],
  }));
  return h(Table, {
    head: ["Began", "Lasted", "Scenes that waited", "Cause"],
    rows,
    caption: `The last ${counted(rows.length, "outage")}`,
  });
}
