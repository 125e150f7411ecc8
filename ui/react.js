// Short names for what Stash brings along, and what several parts of the page share.

import { ask, messageOf } from "./stash.js";
import { sentence } from "./words.js";

const { React, libraries } = window.PluginApi;
export const h = React.createElement;
export const { Fragment, useCallback, useEffect, useRef, useState } = React;
export const { Bootstrap, ReactRouterDOM } = libraries;

/**
 * A part of the page that fails shows its message; the others go on.
 * @extends {React.Component<{ children?: any }, { error: Error | null }>}
 */
export class Guard extends React.Component {
  /** @param {any} props */
  constructor(props) {
    super(props);
    /** @type {{ error: Error | null }} */
    this.state = { error: null };
  }

  /** @param {Error} error */
  static getDerivedStateFromError(error) {
    return { error };
  }

  render() {
    const error = /** @type {Error | null} */ (this.state.error);
    return error ? h(Trouble, { text: `This part cannot be shown: ${error.message}` }) : this.props.children;
  }
}

/** @param {{ text: string }} props */
export const Trouble = ({ text }) => (text ? h("div", { className: "alert alert-danger", role: "alert" }, text) : null);

/** @typedef {{ everyMs: number, changed: () => void }} Reader */

/**
 * Asks again and again while somebody reads the answers and the page can be seen. The last answer stays when one fails.
 * All readers get the same answers, and the most eager says how often.
 * @template T
 * @param {() => Promise<T>} question
 */
function poller(question) {
  const readers = /** @type {Set<Reader>} */ (new Set());
  let timer = 0;
  let turn = 0;
  const self = {
    state: /** @type {{ data: T | null, error: string }} */ ({ data: null, error: "" }),

    async look() {
      window.clearTimeout(timer);
      const own = ++turn;
      if (document.visibilityState === "visible") {
        const state = await question().then(
          (data) => ({ data, error: "" }),
          (error) => ({ ...self.state, error: messageOf(error) }),
        );
        if (own !== turn) return;
        self.state = state;
        for (const reader of readers) reader.changed();
      }
      if (readers.size) timer = window.setTimeout(self.look, Math.min(...[...readers].map((each) => each.everyMs)));
    },

    /** @param {Reader} reader @returns {() => void} leaves again */
    join(reader) {
      if (!readers.size) document.addEventListener("visibilitychange", self.look);
      readers.add(reader);
      void self.look();
      return () => {
        readers.delete(reader);
        if (readers.size) return;
        turn++;
        window.clearTimeout(timer);
        document.removeEventListener("visibilitychange", self.look);
      };
    },
  };
  return self;
}

/**
 * @template T
 * @param {ReturnType<typeof poller<T>>} own
 * @param {number} everyMs
 * @param {readonly unknown[]} [dependencies]
 */
function usePoller(own, everyMs, dependencies = []) {
  const [, redraw] = useState(0);
  useEffect(() => own.join({ everyMs, changed: () => redraw((n) => n + 1) }), [everyMs, ...dependencies]);
  return { ...own.state, again: own.look };
}

/**
 * @template T
 * @param {() => Promise<T>} question
 * @param {number} everyMs
 * @param {readonly unknown[]} [dependencies] what the question depends on
 */
export function usePolling(question, everyMs, dependencies) {
  const latest = useRef(question);
  latest.current = question;
  const [own] = useState(() => poller(() => latest.current()));
  return usePoller(own, everyMs, dependencies);
}

let aheadS = 0;
export const overview = poller(async () => {
  const data = /** @type {import("./types").Overview} */ (await ask("overview"));
  aheadS = data.now - Date.now() / 1000;
  return data;
});

/**
 * The overview, with the clock of PlexSync's machine: `now` is its time at this moment. All who show it say the same.
 * @param {number} everyMs
 */
export const useOverview = (everyMs) => ({
  ...usePoller(overview, everyMs),
  now: () => Date.now() / 1000 + aheadS,
});

/** Draws again every so many milliseconds, for times that count down. @param {number} everyMs */
export function useTicking(everyMs) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = window.setInterval(() => document.visibilityState === "visible" && tick((n) => n + 1), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
}

/**
 * A button that works on something: it cannot be pressed again meanwhile, and says what came of it.
 * @param {{ label: string, run: () => Promise<string | void>, name?: string, isSmall?: boolean, isOver?: boolean }} props
 */
export function Action({ label, run, name, isSmall = true, isOver = false }) {
  const [state, setState] = useState({ isBusy: false, text: "", isBad: false });
  const press = async () => {
    setState({ isBusy: true, text: "", isBad: false });
    try {
      setState({ isBusy: false, text: (await run()) || "", isBad: false });
    } catch (error) {
      setState({ isBusy: false, text: messageOf(error), isBad: true });
    }
  };
  return h(
    "span",
    { className: "plexsync-action" },
    h(
      "button",
      {
        type: "button",
        className: `btn btn-secondary${isSmall ? " btn-sm" : ""}`,
        onClick: press,
        disabled: state.isBusy || isOver,
        "aria-label": name,
      },
      state.isBusy ? `${label}…` : label,
    ),
    h("span", { role: "status", className: state.isBad ? "plexsync-bad" : "" }, state.text),
  );
}

/**
 * Pushes one scene now, and says what came of it.
 * @param {{ sceneId: number, label: string, name?: string, again?: () => void }} props
 */
export function PushScene({ sceneId, label, name, again }) {
  const run = async () => {
    const { verdict, message } = await ask("sync_scene", { scene_id: sceneId });
    again?.();
    return message ? sentence(message) : `Done: ${verdict}.`;
  };
  return h(Action, { label, name, run });
}

/**
 * @param {{ head: string[], rows: { key: string | number, className?: string, cells: any[] }[], caption?: string,
 *   hasRowHeads?: boolean }} props
 */
export function Table({ head, rows, caption, hasRowHeads = false }) {
  const cell = (/** @type {any} */ content, /** @type {number} */ index) =>
    hasRowHeads && !index
      ? h("th", { key: index, scope: "row" }, content)
      : h("td", { key: index, className: "plexsync-cell" }, content);
  return h(
    "div",
    { className: "table-responsive" },
    h(
      "table",
      { className: "table table-sm plexsync-table" },
      caption ? h("caption", null, caption) : null,
      h(
        "thead",
        null,
        h(
          "tr",
          null,
          head.map((name) => h("th", { key: name, scope: "col" }, name)),
        ),
      ),
      h(
        "tbody",
        null,
        rows.map(({ key, className, cells }) => h("tr", { key, className }, cells.map(cell))),
      ),
    ),
  );
}
