// The button on Settings > Tools. Stash has two sections of the same name there; only one of them shows it.

import { h, ReactRouterDOM, useEffect, useState } from "./react.js";

/** @type {object | null} which of the buttons is shown */
let shown = null;

export default function ToolsButton() {
  const [self] = useState(() => ({}));
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    shown = shown || self;
    setShown(shown === self);
    return () => {
      if (shown === self) shown = null;
    };
  }, [self]);
  const { Link } = ReactRouterDOM;
  return isShown
    ? h("div", { className: "setting" }, h(Link, { to: "/plexsync", className: "btn btn-secondary" }, "PlexSync"))
    : null;
}
