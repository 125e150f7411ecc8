// The numbers behind the picture of the last days. Pure.

/** @typedef {import("./types").Outage} Outage */

/** @typedef {import("./types").Day} Day */

/**
 * The last days, oldest first, today last. Days begin at midnight of this browser's time zone.
 * @param {readonly Outage[]} outages
 * @param {number | null} observedSince epoch seconds
 * @param {number} now epoch seconds
 * @param {number} [count]
 * @returns {Day[]}
 */
export function lastDays(outages, observedSince, now, count = 30) {
  const today = new Date(now * 1000);
  return Array.from({ length: count }, (_, index) => {
    const at = (/** @type {number} */ ahead) =>
      new Date(today.getFullYear(), today.getMonth(), today.getDate() - (count - 1 - index) + ahead).getTime() / 1000;
    return dayOf(at(0), at(1), outages, observedSince, now);
  });
}

/**
 * @param {number} start
 * @param {number} end
 * @param {readonly Outage[]} outages
 * @param {number | null} observedSince
 * @param {number} now
 * @returns {Day}
 */
function dayOf(start, end, outages, observedSince, now) {
  const from = Math.max(start, observedSince ?? Infinity);
  const to = Math.min(end, now);
  const inDay = outages.filter((outage) => outage.started_at < to && (outage.ended_at ?? now) > from && from < to);
  const parts = inDay.map((outage) => ({
    from: Math.max(from, outage.started_at),
    to: Math.min(to, outage.ended_at ?? now),
  }));
  return { start, end, observedS: Math.max(0, to - from), downS: lengthOf(parts), outages: inDay };
}

/**
 * How many seconds lie in at least one of the parts: two outages may touch where the clock was set.
 * @param {{ from: number, to: number }[]} parts
 */
function lengthOf(parts) {
  let length = 0;
  let reached = -Infinity;
  for (const part of [...parts].sort((a, b) => a.from - b.from)) {
    const from = Math.max(part.from, reached);
    if (part.to > from) length += part.to - from;
    reached = Math.max(reached, part.to);
  }
  return length;
}

/**
 * How high the red part of a day's bar is, 0 to 1. The shortest outage can still be seen.
 * @param {Day} day
 */
export function shareDown(day) {
  if (!day.downS || !day.observedS) return 0;
  return Math.min(1, Math.max(0.06, day.downS / day.observedS));
}

/**
 * @param {number | null} availability 0 to 1
 * @returns {string} never rounded up to 100%
 */
export function percent(availability) {
  if (availability === null) return "not known yet";
  if (availability === 1) return "100%";
  return `${(Math.floor(availability * 10000) / 100).toFixed(2)}%`;
}
