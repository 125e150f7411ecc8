// PlexSync on Stash's page of plugins: the essentials, the rest folded, and a link to the page.

import { Guard, h, ReactRouterDOM } from "./react.js";
import { EssentialSettings } from "./settings_tab.js";

export default function PluginSettings() {
  const { Link } = ReactRouterDOM;
  return h(
    Guard,
    null,
    h(
      "div",
      { className: "plexsync plexsync-in-settings" },
      h("p", null, h(Link, { to: "/plexsync" }, "Open PlexSync's page")),
      h(EssentialSettings, null),
    ),
  );
}
