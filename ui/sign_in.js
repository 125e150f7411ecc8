// Signing in to Plex: a code, entered at plex.tv, puts address and token of a server into the settings.

import { Action, Fragment, h, Trouble, useEffect, usePolling, useState } from "./react.js";
import { ask } from "./stash.js";

/** @typedef {import("./types").LinkAnswer} LinkAnswer */

const LOOK_MS = 2000;

/** @param {{ again: () => void }} props `again`: called when a server is in the settings */
export function SignIn({ again }) {
  const [begun, setBegun] = useState(/** @type {import("./types").LinkBegun | null} */ (null));
  const [answer, setAnswer] = useState(/** @type {LinkAnswer | null} */ (null));
  const [error, setError] = useState("");
  const begin = async () => {
    setAnswer(null);
    setError("");
    setBegun(await ask("link_begin"));
  };
  const end = (/** @type {LinkAnswer | null} */ last, /** @type {string} */ trouble) => {
    setBegun(null);
    setAnswer(last);
    setError(trouble);
    if (last?.linked) again();
  };
  const isToChoose = answer && !answer.linked && answer.servers.length > 1;
  return h(
    "div",
    { className: "plexsync-sign-in" },
    begun ? h(Waiting, { begun, end }) : h(Action, { label: "Sign in to Plex", run: begin }),
    h(Trouble, { text: error }),
    answer && !isToChoose ? h("p", { role: "status" }, answer.message) : null,
    isToChoose ? h(Servers, { servers: answer.servers, end }) : null,
  );
}

/** @param {{ begun: import("./types").LinkBegun, end: (answer: LinkAnswer | null, error: string) => void }} props */
function Waiting({ begun, end }) {
  const { data, error } = usePolling(() => /** @type {Promise<LinkAnswer>} */ (ask("link_check")), LOOK_MS);
  useEffect(() => {
    if (error || data?.entered) end(error ? null : data, error);
  }, [data, error]);
  return h(
    "p",
    { role: "status" },
    "Enter the code ",
    h("strong", { className: "plexsync-code" }, begun.code),
    " at ",
    h("a", { href: begun.address, target: "_blank", rel: "noreferrer" }, begun.address),
    ", signed in as the owner of the Plex server. This page then continues by itself.",
  );
}

/** @param {{ servers: LinkAnswer["servers"], end: (answer: LinkAnswer | null, error: string) => void }} props */
function Servers({ servers, end }) {
  const choose = (/** @type {string} */ server) => async () => end(await ask("link_check", { server }), "");
  return h(
    Fragment,
    null,
    h("p", null, "The account has several Plex servers. Which one has the files of Stash?"),
    h(
      "ul",
      null,
      servers.map(({ name, machine_identifier: id, address }) =>
        h(
          "li",
          { key: id },
          `${name}, ${address || "does not answer from here"} `,
          address ? h(Action, { label: "Use it", name: `Use ${name}`, run: choose(id) }) : null,
        ),
      ),
    ),
  );
}
