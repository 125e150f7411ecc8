// The tab "Tasks": every task as a button, with its result in words.

import { Action, Fragment, h, Trouble, usePolling, useState } from "./react.js";
import { SignIn } from "./sign_in.js";
import { ask, plugin } from "./stash.js";
import { resultInWords } from "./words.js";

/** By the name of the task: the mode of the operation, and what takes it back. */
const MODES = /** @type {Readonly<Record<string, import("./types").TaskButton>>} */ ({
  "Process Queue": { mode: "process_queue" },
  "Health Check": { mode: "health_check" },
  "View Queue Status": { mode: "queue_status" },
  "Outage Summary Report": { mode: "outage_summary" },
  "Recover Outage Jobs": { mode: "recover_outage_jobs" },
  "Sync All Scenes": { mode: "sync_all" },
  "Sync Recent Scenes": { mode: "sync_recent" },
  "Reconcile Library (All)": { mode: "reconcile_all" },
  "Reconcile Library (Recent)": { mode: "reconcile_recent" },
  "Reconcile Library (Last 7 Days)": { mode: "reconcile_7days" },
  "Preview Reconciliation": { mode: "reconcile_preview" },
  "Clear Pending Queue": { mode: "clear_queue", undo: true },
  "Clear Dead Letter Queue": { mode: "clear_dlq", undo: true },
  "Purge Old Dead Letters": { mode: "purge_dlq", undo: true },
  "Restore Cleared Jobs": { mode: "restore_cleared" },
  "Link Plex Account": { mode: "link_plex", signsIn: true },
  "Preview Undo": { mode: "undo_all", args: { preview: true } },
  "Undo PlexSync in Plex": {
    mode: "undo_all",
    asks: "Restore every field that PlexSync changed in Plex to what it was before?",
  },
});

/** @param {{ again: () => void }} props */
export function Tasks({ again }) {
  const { data, error } = usePolling(plugin, 60000);
  return h(
    Fragment,
    null,
    h(Trouble, { text: error }),
    h(
      "ul",
      { className: "plexsync-tasks" },
      (data ? data.tasks : []).map((task) => h(Task, { key: task.name, task, again })),
    ),
  );
}

/** @param {{ task: { name: string, description: string }, again: () => void }} props */
function Task({ task, again }) {
  const [canUndo, setCanUndo] = useState(false);
  const [isUndone, setUndone] = useState(false);
  const known = MODES[task.name];
  const run = async () => {
    if (!known) return "";
    if (known.asks && !window.confirm(known.asks)) return "";
    const output = await ask(known.mode, known.args);
    again();
    setCanUndo(Boolean(known.undo && output.backup));
    setUndone(false);
    return resultInWords(output);
  };
  const undo = async () => {
    const { restored } = await ask("restore_cleared");
    again();
    setUndone(true);
    return `Restored: ${restored}.`;
  };
  if (!known) return null;
  return h(
    "li",
    { className: "plexsync-task" },
    h("div", null, h("strong", null, task.name), h("div", null, task.description)),
    h(
      "div",
      null,
      known.signsIn ? h(SignIn, { again }) : h(Action, { label: "Run", name: `Run ${task.name}`, run }),
      canUndo ? h(Action, { label: "Undo", name: `Undo ${task.name}`, run: undo, isOver: isUndone }) : null,
    ),
  );
}
