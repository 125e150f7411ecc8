// The mark on the card of a scene that needs somebody. All cards that are shown are asked about at once.

import { h, overview, useEffect, useState } from "./react.js";
import { ask } from "./stash.js";
import { needing } from "./words.js";

const LOOK_MS = 15000;
const GATHER_MS = 50;
const MOST = 1000;

/** @type {Set<{ id: number, show: (text: string) => void }>} */
const cards = new Set();
let leave = () => {};
let timer = 0;

export default function SceneMark(/** @type {{ sceneId: number }} */ { sceneId }) {
  const [text, show] = useState("");
  useEffect(() => {
    const card = { id: sceneId, show };
    if (!cards.size) leave = overview.join({ everyMs: LOOK_MS, changed: soon });
    cards.add(card);
    soon();
    return () => {
      cards.delete(card);
      if (!cards.size) leave();
    };
  }, [sceneId]);
  return text ? h("span", { className: "plexsync-mark" }, text) : null;
}

/** Once all cards that appear together are there. */
function soon() {
  window.clearTimeout(timer);
  timer = window.setTimeout(look, GATHER_MS);
}

async function look() {
  const ids = [...new Set([...cards].map((card) => card.id))].filter(Boolean).slice(0, MOST);
  const { data } = overview.state;
  try {
    const isAsked = ids.length && data && needing(data);
    const { dead, missing } = isAsked ? await ask("marks", { scene_ids: ids }) : { dead: [], missing: [] };
    const text = new Map([
      ...missing.map((/** @type {number} */ id) => [id, "Not in Plex"]),
      ...dead.map((/** @type {number} */ id) => [id, "Plex: given up"]),
    ]);
    for (const card of cards) card.show(text.get(card.id) || "");
  } catch {
    // The marks stay as they are: a card is no place for a message, and the page has it.
  }
}
