import assert from "node:assert/strict";
import { test } from "node:test";
import {
  counted,
  duration,
  groupTitle,
  howThingsAre,
  leftToPush,
  lookedAt,
  needing,
  progressOf,
  resultInWords,
  shortCause,
} from "../../ui/words.js";

const NOW = new Date(2026, 10, 26, 14, 5, 0).getTime() / 1000;

/** @param {Record<string, any>} changes */
function overview(changes = {}) {
  return {
    now: NOW,
    queue: {
      pending: 0,
      waiting: 0,
      waiting_by_error: {},
      in_progress: 0,
      next_due_at: null,
      dead_letters: 0,
      ...changes.queue,
    },
    in_progress: [],
    scenes_in_plex: 1204,
    missing: 0,
    last_push_at: NOW - 180,
    circuit: { state: "closed" },
    outage: null,
    draining: { stopped_by: null, message: null, until: null },
    problems: [],
    ...changes,
    ...(changes.queue
      ? { queue: { pending: 0, waiting: 0, covers_left: 0, next_due_at: null, dead_letters: 0, ...changes.queue } }
      : {}),
  };
}

/** @param {Record<string, any>} changes @returns {[string, string]} */
function said(changes) {
  const { kind, text } = howThingsAre(/** @type {any} */ (overview(changes)), NOW);
  return [kind, text];
}

test("numbers and durations are short and readable", () => {
  assert.equal(counted(1, "scene"), "1 scene");
  assert.equal(counted(1204, "scene"), "1,204 scenes");
  assert.deepEqual([-5, 0.4, 42, 59.7, 60, 200, 3599.9, 7500, 90000, 1e6].map(duration), [
    "0 s",
    "0 s",
    "42 s",
    "1 min",
    "1 min",
    "3 min 20 s",
    "1 h",
    "2 h 5 min",
    "1 d 1 h",
    "11 d 14 h",
  ]);
});

test("all is well", () => {
  assert.deepEqual(said({}), ["well", "All 1,204 scenes are in Plex. Last change 3 min ago."]);
  assert.deepEqual(said({ scenes_in_plex: 1, last_push_at: null }), ["well", "The only scene is in Plex."]);
});

test("a new installation says what to do", () => {
  assert.equal(said({ scenes_in_plex: 0, last_push_at: null })[0], "new");
});

test("an outage says since when, why, what waits and when it is checked again", () => {
  const changes = {
    queue: { pending: 37, waiting: 0 },
    circuit: { state: "open" },
    outage: { started_at: NOW - 180, cause: "GET http://plex:32400/identity: connection refused; is Plex running?" },
    draining: { stopped_by: "circuit", message: "Plex is down: connection refused", until: NOW + 42 },
  };
  assert.deepEqual(said(changes), [
    "outage",
    "Plex has not answered since 14:02 (connection refused). 37 scenes wait. Next check in 42 s.",
  ]);
});

test("a half-open circuit says its own message", () => {
  const message = "Plex answers again. One scene is pushed first, to test it";
  const draining = { stopped_by: "circuit", message, until: null };
  const [kind, text] = said({ circuit: { state: "half_open" }, outage: { started_at: 1, cause: "x" }, draining });
  assert.deepEqual([kind, text], ["stopped", "Plex answers again. One scene is pushed first, to test it."]);
});

test("a stop of another kind says its message, a pause only what waits", () => {
  const auth = { stopped_by: "auth", message: "Plex rejected the token", until: NOW - 5 };
  assert.deepEqual(said({ draining: auth }), ["stopped", "Plex rejected the token."]);
  const paused = { stopped_by: "paused", message: "…", until: null };
  assert.deepEqual(said({ draining: paused, queue: { pending: 1 } }), ["paused", "PlexSync is paused. 1 scene waits."]);
});

test("due work is on its way, work that is not due waits", () => {
  assert.deepEqual(said({ queue: { pending: 12, waiting: 2 } }), ["draining", "10 scenes are on the way to Plex."]);
  assert.deepEqual(said({ queue: { pending: 12, waiting: 2, covers_left: 8 } }), [
    "draining",
    "10 scenes are on the way to Plex, 8 of them with only the cover left.",
  ]);
  assert.deepEqual(said({ queue: { pending: 2, waiting: 2, next_due_at: NOW + 300 } }), [
    "waiting",
    "2 scenes wait; next attempt in 5 min. Last change 3 min ago.",
  ]);
});

test("what needs a person is counted and named", () => {
  const changes = { missing: 2, queue: { dead_letters: 1 } };
  assert.equal(needing(/** @type {any} */ (overview(changes))), 3);
  assert.equal(said(changes)[1], "1,204 scenes are in Plex. 3 scenes need you. Last change 3 min ago.");
});

test("ignored scenes do not need anybody, and are not among all", () => {
  assert.deepEqual(said({ ignored: 2 }), ["well", "1,204 scenes are in Plex, 2 are ignored. Last change 3 min ago."]);
  assert.deepEqual(said({ ignored: 1, missing: 1, last_push_at: null }), [
    "waiting",
    "1,204 scenes are in Plex, 1 is ignored. 1 scene needs you.",
  ]);
  assert.equal(groupTitle({ group: "ignored", error_class: "", count: 3 }), "Ignored: 3 scenes");
});

test("the cause of an outage loses the request and the advice", () => {
  assert.equal(shortCause("GET http://a/identity: connection refused; is Plex running?"), "connection refused");
  assert.equal(shortCause("Plex answered 503"), "Plex answered 503");
  assert.equal(shortCause(""), "");
});

/** @param {[number, number][]} looks @returns {import("../../ui/types").Drain} */
const drain = (...looks) => looks.reduce((seen, look) => lookedAt(seen, ...look), { most: 0, looks: [] });

test("progress counts from the most that was left, and its rate from the last looks", () => {
  assert.equal(progressOf(drain()), null);
  assert.equal(progressOf(drain([1, 0])), null);
  assert.deepEqual(progressOf(drain([0, 100])), { percent: 0, perMinute: null, leftS: null });
  const looks = /** @type {[number, number][]} */ ([
    [0, 100],
    [10, 80],
    [10, 80],
    [20, 60.5],
  ]);
  assert.deepEqual(progressOf(drain(...looks)), { percent: 39, perMinute: 119, leftS: 60.5 / 1.975 });
  assert.equal(progressOf(drain([-1, 10], ...looks))?.perMinute, 113);
  assert.equal(progressOf(drain([0, 10], [5, 20]))?.perMinute, null);
});

test("a long drain keeps its beginning, and the rate is that of now", () => {
  const slow = Array.from({ length: 1000 }, (_, n) => /** @type {[number, number]} */ ([n, 2000 - n]));
  const fast = Array.from({ length: 30 }, (_, n) => /** @type {[number, number]} */ ([1000 + n, 1000 - 10 * n]));
  const progress = progressOf(drain(...slow, ...fast));
  assert.equal(progress?.percent, 64);
  assert.equal(progress?.perMinute, 600);
});

test("a scene of which only the cover is left is half pushed", () => {
  const left = (/** @type {any} */ queue) => leftToPush({ pending: 60, waiting: 10, covers_left: 0, ...queue });
  assert.equal(left({}), 50);
  assert.equal(left({ covers_left: 20 }), 40);
  assert.equal(left({ waiting: 50, covers_left: 20 }), 5);
});

test("a group is called by its reason, an unknown class by its name", () => {
  assert.equal(
    groupTitle({ group: "dead", error_class: "Rejected", count: 1 }),
    "Plex refused the change: 1 scene given up",
  );
  assert.equal(groupTitle({ group: "waiting", error_class: "Odd", count: 2 }), "Odd: 2 scenes waiting");
  assert.equal(groupTitle({ group: "missing", error_class: "NotInPlex", count: 2 }), "Not in Plex: 2 scenes");
});

test("the result of a task is its message and its numbers", () => {
  assert.equal(resultInWords({ pushed: 3, next_due_at: 17, message: null }), "pushed: 3.");
  assert.equal(resultInWords({ message: "Plex is well", latency_ms: 4 }), "Plex is well.");
  assert.equal(resultInWords({ checked: 5, took_s: 1, gaps: { stale: 2 } }), "checked: 5, stale: 2.");
  assert.equal(resultInWords({ queue: { pending: 2, dead_letters: 0 } }), "pending: 2.");
  assert.equal(resultInWords({}), "Done.");
});
