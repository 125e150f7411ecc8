// Short names for what Stash brings along, and what several parts of the page share.

import { ask } from "./stash.js";

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

/**
 * Asks again and again, but only while the page can be seen.
 * @template T
 * @param {() => Promise<T>} question
 * @param {number} everyMs
 * @param {readonly unknown[]} [dependencies] what the question depends on
 * @returns {{ data: T | null, error: string, again: () => void }} the last answer stays when one fails
 */
export function usePolling(question, everyMs, dependencies = []) {
  const [state, setState] = useState(/** @type {{ data: T | null, error: string }} */ ({ data: null, error: "" }));
  const latest = useRef(question);
  latest.current = question;
  const turn = useRef(0);
  const again = useCallback(async () => {
    const own = ++turn.current;
    try {
      const data = await latest.current();
      if (own === turn.current) setState({ data, error: "" });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      if (own === turn.current) setState((before) => ({ ...before, error: text }));
    }
  }, []);
  useEffect(() => {
    let timer = 0;
    let isShown = true;
    const look = async () => {
      if (document.visibilityState === "visible") await again();
      if (isShown) timer = window.setTimeout(look, everyMs);
    };
    const onVisible = () => {
      if (document.visibilityState === "visible") void again();
    };
    void look();
    document.addEventListener("visibilitychange", onVisible);
    return () => {
      isShown = false;
      turn.current++;
      window.clearTimeout(timer);
      document.removeEventListener("visibilitychange", onVisible);
    };
  }, [everyMs, again, ...dependencies]);
  return { ...state, again };
}

/**
 * The overview, with the clock of PlexSync's machine: `now` is its time at this moment. All who show it share the
 * answers, so that they say the same, and only one of them asks: the most eager.
 * @param {number} everyMs
 */
export function useOverview(everyMs) {
  const [, redraw] = useState(0);
  useEffect(() => shared.join({ everyMs, changed: () => redraw((n) => n + 1) }), [everyMs]);
  return { ...shared.state, again: shared.look, now: () => Date.now() / 1000 + shared.aheadS };
}

/** @typedef {{ everyMs: number, changed: () => void }} Reader */

const shared = {
  state: { data: /** @type {import("./types").Overview | null} */ (null), error: "" },
  aheadS: 0,
  timer: 0,
  turn: 0,
  readers: /** @type {Set<Reader>} */ (new Set()),

  /** @param {Reader} reader @returns {() => void} leaves again */
  join(reader) {
    if (!shared.readers.size) document.addEventListener("visibilitychange", shared.onVisible);
    shared.readers.add(reader);
    void shared.look();
    return () => {
      shared.readers.delete(reader);
      if (shared.readers.size) return;
      window.clearTimeout(shared.timer);
      document.removeEventListener("visibilitychange", shared.onVisible);
    };
  },

  onVisible() {
    if (document.visibilityState === "visible") void shared.look();
  },

  async look() {
    window.clearTimeout(shared.timer);
    const own = ++shared.turn;
    if (document.visibilityState === "visible") {
      try {
        const data = /** @type {import("./types").Overview} */ (await ask("overview"));
        if (own !== shared.turn) return;
        shared.aheadS = data.now - Date.now() / 1000;
        shared.state = { data, error: "" };
      } catch (error) {
        if (own !== shared.turn) return;
        shared.state = { ...shared.state, error: error instanceof Error ? error.message : String(error) };
      }
      for (const reader of shared.readers) reader.changed();
    }
    if (!shared.readers.size) return;
    const everyMs = Math.min(...[...shared.readers].map((reader) => reader.everyMs));
    shared.timer = window.setTimeout(shared.look, everyMs);
  },
};

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
      setState({ isBusy: false, text: error instanceof Error ? error.message : String(error), isBad: true });
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
    h("span", { role: "status", className: state.isBad ? "plexsync-bad" : "plexsync-said" }, state.text),
  );
}
