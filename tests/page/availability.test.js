import assert from "node:assert/strict";
import { test } from "node:test";
import { lastDays, percent, shareDown } from "../../ui/availability.js";

const NOW = new Date(2026, 10, 26, 12, 0, 0).getTime() / 1000;
const HOUR = 3600;

/** @param {number} start @param {number | null} end */
const outage = (start, end) => ({
  id: 1,
  started_at: start,
  ended_at: end,
  duration_s: end === null ? null : end - start,
  jobs_affected: 0,
  cause: "refused",
});

test("there are thirty days, today last, each from midnight to midnight", () => {
  const days = lastDays([], NOW - 90 * 24 * HOUR, NOW);
  assert.equal(days.length, 30);
  assert.equal(days[29]?.observedS, 12 * HOUR);
  assert.ok(days.every((day, index) => index === 0 || day.start === days[index - 1]?.end));
  assert.ok(days.every((day) => new Date(day.start * 1000).getHours() === 0));
});

test("days before the first worker were not watched", () => {
  const days = lastDays([], NOW - 6 * HOUR, NOW);
  assert.deepEqual(
    days.map((day) => day.observedS),
    [...Array(29).fill(0), 6 * HOUR],
  );
  assert.deepEqual(
    lastDays([], null, NOW).map((day) => day.observedS),
    Array(30).fill(0),
  );
});

test("an outage over midnight counts in both days, one under way up to now", () => {
  const days = lastDays([outage(NOW - 14 * HOUR, NOW - 11 * HOUR), outage(NOW - HOUR, null)], NOW - 240 * HOUR, NOW);
  assert.deepEqual([days[28]?.downS, days[29]?.downS], [2 * HOUR, 2 * HOUR]);
  assert.deepEqual([days[28]?.outages.length, days[29]?.outages.length], [1, 2]);
});

test("outages that overlap are not counted twice", () => {
  const [today] = lastDays([outage(NOW - 4 * HOUR, NOW - 2 * HOUR), outage(NOW - 3 * HOUR, NOW - HOUR)], 0, NOW, 1);
  assert.equal(today?.downS, 3 * HOUR);
});

test("the shortest outage can be seen, and none is higher than its bar", () => {
  const day = { start: 0, end: 86400, observedS: 86400, outages: [] };
  assert.equal(shareDown({ ...day, downS: 0 }), 0);
  assert.equal(shareDown({ ...day, downS: 1 }), 0.06);
  assert.equal(shareDown({ ...day, downS: 43200 }), 0.5);
  assert.equal(shareDown({ ...day, observedS: 10, downS: 20 }), 1);
});

test("99.999% is not 100%", () => {
  assert.deepEqual([null, 1, 0.99999, 0.5].map(percent), ["not known yet", "100%", "99.99%", "50.00%"]);
});
