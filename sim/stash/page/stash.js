// The page of the simulated Stash: as much of Stash's plugin API as its manual describes (UIPluginApi.md) and as was
// seen on a real Stash 0.30.1, on pages that have the same patch points and little else. `window.simOmit` is a list of
// names that this Stash does not have.
(function simulateStash() {
  "use strict";
  const { React, ReactDOM, ReactRouterDOM, ReactBootstrap } = window;
  const h = React.createElement;
  const omitted = window.simOmit || [];
  const patches = {};
  const routes = [];

  /** Registers a patch; a Stash that lacks the patch point never calls it. */
  const patch = (kind) => (name, fn) => {
    patches[name] = patches[name] || { before: [], instead: [], after: [] };
    patches[name][kind].push(fn);
  };

  /** A component that can be patched. As in Stash, `instead` gets the arguments and then the rest of the chain. */
  function patchable(name, Component) {
    return function Patchable(props) {
      const own = (!omitted.includes(name) && patches[name]) || { before: [], instead: [], after: [] };
      const [changed] = own.before.reduce((args, fn) => fn(...args), [props]);
      const chain = own.instead.reduce((next, fn) => (...args) => fn(...args, undefined, next), (all) => Component(all));
      return own.after.reduce((result, fn) => fn(changed, result), chain(changed));
    };
  }

  window.PluginApi = {
    React,
    ReactDOM,
    libraries: { Bootstrap: ReactBootstrap, ReactRouterDOM },
    patch: { before: patch("before"), instead: patch("instead"), after: patch("after") },
    register: { route: (path, component) => routes.push({ path, component }) },
  };
  for (const name of omitted) {
    const [owner, member] = name.split("/");
    if (member) delete window.PluginApi[owner][member];
    else delete window.PluginApi[owner];
  }

  const children = (props) => h(React.Fragment, null, props.children);
  const Utility = patchable("MainNavBar.UtilityItems", children);
  const Tools = patchable("SettingsToolsSection", children);
  const PluginSettings = patchable("PluginSettings", ({ settings }) =>
    h("ul", { className: "plain-settings" }, settings.map((setting) => h("li", { key: setting.name }, setting.display_name))),
  );
  const SceneTabs = patchable("ScenePage.Tabs", children);
  // In Stash it draws the studio's logo, beside the picture and not around children.
  const Overlays = patchable("SceneCard.Overlays", ({ scene }) => h("span", { className: "studio-overlay" }, scene.studio?.name));
  const SceneContent = patchable("ScenePage.TabContent", children);

  function Settings() {
    const tab = new URLSearchParams(ReactRouterDOM.useLocation().search).get("tab");
    const [plugins, setPlugins] = React.useState([]);
    React.useEffect(() => {
      const query = "query { plugins { id name settings { name display_name description type } } }";
      fetch("/graphql", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query }),
      }).then((answer) => answer.json()).then((answer) => setPlugins(answer.data.plugins));
    }, []);
    if (tab === "tools") return h("div", null, h("h1", null, "Tools"), h(Tools), h("h2", null, "Scene Tools"), h(Tools));
    return h(
      "div",
      null,
      h("h1", null, "Plugins"),
      plugins.map((each) => h(PluginSettings, { key: each.id, pluginID: each.id, settings: each.settings })),
    );
  }

  function Scenes() {
    const [scenes, setScenes] = React.useState([]);
    React.useEffect(() => {
      const query = "query { findScenes(filter: { per_page: 40 }) { scenes { id title studio { name } } } }";
      fetch("/graphql", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query }),
      }).then((answer) => answer.json()).then((answer) => setScenes(answer.data.findScenes.scenes));
    }, []);
    const card = (scene) =>
      h(
        "div",
        { key: scene.id, className: "scene-card card m-1", style: { width: "12rem" } },
        h("div", { className: "thumbnail-section", style: { position: "relative", height: "7rem" } }, h(Overlays, { scene })),
        h(ReactRouterDOM.Link, { to: `/scenes/${scene.id}` }, scene.title || `Scene ${scene.id}`),
      );
    return h("div", { className: "d-flex flex-wrap" }, scenes.map(card));
  }

  function ScenePage() {
    const { id } = ReactRouterDOM.useParams();
    const scene = { id };
    const { Nav, Tab } = ReactBootstrap;
    return h(
      Tab.Container,
      { defaultActiveKey: "details" },
      h("h1", null, `Scene ${id}`),
      h(Nav, { variant: "tabs" }, h(SceneTabs, { scene }, h(Nav.Item, null, h(Nav.Link, { eventKey: "details" }, "Details")))),
      h(Tab.Content, null, h(SceneContent, { scene }, h(Tab.Pane, { eventKey: "details" }, "Its details"))),
    );
  }

  function App() {
    const { BrowserRouter, Link, Route, Switch } = ReactRouterDOM;
    return h(
      BrowserRouter,
      null,
      h(
        "nav",
        { className: "navbar navbar-dark bg-dark", "aria-label": "Main" },
        h(Link, { to: "/", className: "navbar-brand" }, "Stash"),
        h("div", { className: "d-flex" }, h(Utility, null, h(Link, { to: "/settings", className: "nav-utility" }, "Settings"))),
      ),
      h(
        Switch,
        null,
        routes.map(({ path, component }) => h(Route, { key: path, path, component })),
        h(Route, { path: "/settings", component: Settings }),
        h(Route, { path: "/scenes/:id", component: ScenePage }),
        h(Route, { path: "/scenes", component: Scenes }),
        h(Route, null, h("h1", null, "Stash")),
      ),
    );
  }

  // Plugins are loaded while the page starts, in no certain order; Stash draws once they are there.
  window.addEventListener("load", () => ReactDOM.render(h(App), document.getElementById("root")));
})();
