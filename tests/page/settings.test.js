import assert from "node:assert/strict";
import { test } from "node:test";
import { plexWebAddress, rowsOf } from "../../ui/comparison.js";
import { defaultInWords, grouped, merged, problemOf } from "../../ui/setting_groups.js";

test("what is empty, or 0, means the default", () => {
  for (const value of ["", null, undefined, false, true]) assert.equal(problemOf("plex_url", value), "");
  assert.equal(problemOf("max_tags", 0), "");
});

test("what is not it must be said before it is stored", () => {
  assert.match(problemOf("plex_url", "http://a b"), /http:\/\/192/);
  assert.match(problemOf("plex_token", "two words"), /spaces/);
  assert.match(problemOf("max_tags", 1001), /from 1 to 1000; 0 means 100/);
  assert.match(problemOf("read_timeout", "1.5"), /whole number/);
  assert.match(problemOf("reconcile_interval", "yearly"), /never, hourly, daily or weekly/);
  assert.match(problemOf("reconcile_scope", "soon"), /30d/);
  assert.match(problemOf("path_map", "/data"), /\/data => \/media/);
});

test("what is it must be left alone", () => {
  for (const [key, value] of /** @type {[string, any][]} */ ([
    ["plex_url", "plex:32400"],
    ["plex_url", "https://plex.example/"],
    ["path_map", "/a => /b; /c => /d"],
    ["reconcile_scope", "7days"],
    ["reconcile_interval", "Daily"],
    ["max_tags", "12"],
    ["unheard_of", "x"],
  ])) {
    assert.equal(problemOf(key, value), "", `${key} ${value}`);
  }
});

test("settings come in groups, and those of a newer version last", () => {
  const groups = grouped([{ name: "new_one" }, { name: "tls" }, { name: "plex_url" }, { name: "hide_paths" }]);
  assert.deepEqual(
    groups.map((group) => [group.name, group.settings.map((setting) => setting.name)]),
    [
      ["Connection", ["plex_url", "tls"]],
      ["Log", ["hide_paths"]],
      ["Other", ["new_one"]],
    ],
  );
});

test("saving keeps what it does not know", () => {
  assert.deepEqual(merged({ kept: 1, paused: true }, { paused: false, plex_url: "x", gone: null }), {
    kept: 1,
    paused: false,
    plex_url: "x",
  });
});

test("defaults are shown where they are not simply off or empty", () => {
  assert.deepEqual(["max_tags", "tls", "paused", "plex_url", "new_one"].map(defaultInWords), [
    "Default: 100",
    "Default: verify",
    "",
    "",
    "",
  ]);
});

test("fields that differ come first, and empty ones are left out", () => {
  const rows = rowsOf({
    current: { title: "old", genre: ["a", "b"], studio: "" },
    wanted: { genre: ["a", "b"], title: "new", studio: "" },
    send: { title: "new" },
  });
  assert.deepEqual(rows, [
    { field: "Title", plex: "old", stash: "new", differs: true },
    { field: "Genres", plex: "a, b", stash: "a, b", differs: false },
  ]);
});

test("the link to Plex Web is never anything but a web address", () => {
  assert.equal(
    plexWebAddress("http://plex:32400/", "abc", 7),
    "http://plex:32400/web/index.html#!/server/abc/details?key=%2Flibrary%2Fmetadata%2F7",
  );
  assert.equal(plexWebAddress("plex:32400", "abc", 7).startsWith("http://plex:32400/web/"), true);
  for (const bad of ["javascript:alert(1)", "", "http://"]) assert.match(plexWebAddress(bad, "abc", 7), /^$|^http:/);
  assert.equal(plexWebAddress("http://plex", null, 7), "");
});
