// The sign in the main bar: there only while something needs a person, or Plex is down.

import { h, ReactRouterDOM, useOverview } from "./react.js";
import { howThingsAre, needing, number } from "./words.js";

const LOOK_MS = 15000;

export default function Sign() {
  const { data, now } = useOverview(LOOK_MS);
  if (!data) return null;
  const { kind, text } = howThingsAre(data, now());
  const need = needing(data);
  const stop = data.draining.stopped_by;
  const isDown = kind === "outage";
  const isStopped = kind === "stopped" && stop !== "busy";
  if (!isDown && !isStopped && !need) return null;
  const stopped = stop === "setup" ? "Set up PlexSync" : "PlexSync is stopped";
  const label = isDown ? "Plex is down" : isStopped ? stopped : `Needs you: ${number(need)}`;
  const { NavLink } = ReactRouterDOM;
  return h(
    NavLink,
    {
      to: "/plexsync",
      className: `nav-utility plexsync-sign${isDown || isStopped ? " plexsync-sign-bad" : ""}`,
      title: text,
    },
    h("span", { className: "sr-only" }, "PlexSync: "),
    label,
  );
}
