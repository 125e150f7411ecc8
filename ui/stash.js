// Asks Stash, with the session of the page: PlexSync's operations, its tasks and its settings, and scenes.

/** @typedef {import("./types").Setting} Setting */
/** @typedef {import("./types").Value} Value */

const PLUGIN = "plexsync";
const graphqlAddress = () => new URL("graphql", document.baseURI).href;

/** @param {unknown} error @returns {string} what went wrong */
export const messageOf = (error) => (error instanceof Error ? error.message : String(error));

/**
 * @param {string} query
 * @param {Record<string, unknown>} [variables]
 * @returns {Promise<any>} rejects with an Error whose message says what went wrong
 */
export async function graphql(query, variables = {}) {
  let response;
  try {
    response = await fetch(graphqlAddress(), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ query, variables }),
    });
  } catch {
    throw new Error("Stash does not answer.");
  }
  const answer = await response.json().catch(() => null);
  if (answer?.errors?.length) throw new Error(answer.errors[0].message);
  if (!response.ok || !answer) throw new Error(`Stash answered with ${response.status}. Load the page again.`);
  return answer.data;
}

/**
 * Runs an operation of PlexSync.
 * @param {string} mode
 * @param {Record<string, unknown>} [args]
 * @returns {Promise<any>} its output; rejects with its message
 */
export async function ask(mode, args = {}) {
  const data = await graphql('mutation($args: Map) { runPluginOperation(plugin_id: "plexsync", args: $args) }', {
    args: { mode, ...args },
  });
  return data.runPluginOperation;
}

/**
 * What Stash knows of PlexSync.
 * @returns {Promise<{ settings: Setting[], values: Record<string, Value>, tasks: { name: string, description: string }[] }>}
 */
export async function plugin() {
  const data = await graphql(
    "query($include: [ID!]) { configuration { plugins(include: $include) } plugins { id " +
      "settings { name display_name description type } tasks { name description } } }",
    { include: [PLUGIN] },
  );
  const own = data.plugins.find((/** @type {{ id: string }} */ each) => each.id === PLUGIN) || {};
  return {
    settings: own.settings || [],
    tasks: own.tasks || [],
    values: data.configuration.plugins[PLUGIN] || {},
  };
}

/**
 * Stores settings. Stash replaces all of them at once, so those that are there are read just before.
 * @param {(stored: Record<string, unknown>) => Record<string, unknown>} change
 */
export async function saveSettings(change) {
  const { values } = await plugin();
  await graphql('mutation($input: Map!) { configurePlugin(plugin_id: "plexsync", input: $input) }', {
    input: change(values),
  });
}

/**
 * Starts a task of Stash's queue.
 * @param {string} name
 * @returns {Promise<string>} the number of Stash's job
 */
export async function startTask(name) {
  const data = await graphql('mutation($name: String) { runPluginTask(plugin_id: "plexsync", task_name: $name) }', {
    name,
  });
  return data.runPluginTask;
}

/**
 * Titles, paths and pictures of scenes; one that is gone is left out.
 * @param {readonly number[]} ids
 * @returns {Promise<Map<number, { title: string, path: string, picture: string }>>}
 */
export async function scenes(ids) {
  const found = new Map();
  if (!ids.length) return found;
  const parts = ids.map((id) => `s${id}: findScene(id: "${id}") { id title files { path } paths { screenshot } }`);
  const data = await graphql(`query { ${parts.join(" ")} }`);
  for (const scene of Object.values(data)) {
    if (!scene) continue;
    const path = scene.files[0] ? scene.files[0].path : "";
    found.set(Number(scene.id), { title: scene.title || "", path, picture: scene.paths.screenshot || "" });
  }
  return found;
}
