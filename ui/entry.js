// What Stash loads with each of its pages: it tells Stash where PlexSync has something to show. The rest is loaded when
// it is shown. Stash calls its plugin API experimental, so each use stands alone: what is missing loses only itself.
(function registerPlexSync() {
  const api = window.PluginApi;
  if (!api?.React || !api.patch || !api.register) return;
  const { React } = api;
  const h = React.createElement;

  /** @param {string} name @returns {Promise<any>} */
  const load = (name) => import(new URL(`plugin/plexsync/assets/${name}.js`, document.baseURI).href);

  /**
   * A component that comes from a module.
   * @param {string} file
   * @param {(props: any) => any} [meanwhile] what is shown until it is there, and if it cannot be loaded
   */
  function later(file, meanwhile = () => null) {
    return function Later(/** @type {any} */ props) {
      const [component, setComponent] = React.useState(/** @type {any} */ (null));
      React.useEffect(() => {
        let isShown = true;
        load(file).then(
          (module) => isShown && setComponent(() => module.default),
          (error) => console.warn(`PlexSync could not load ${file}.js:`, error),
        );
        return () => {
          isShown = false;
        };
      }, []);
      return component ? h(component, props) : meanwhile(props);
    };
  }

  /** @param {() => void} register */
  function guarded(register) {
    try {
      register();
    } catch (error) {
      console.warn("PlexSync is not shown in one place, since this Stash does not offer it:", error);
    }
  }

  const Page = later("page", () => h("p", { role: "status" }, "PlexSync is loading…"));
  const SceneTab = later("scene_tab");
  const Sign = later("sign");
  const Button = later("tools_button");
  const Settings = later("plugin_settings", (props) => props.fallback);

  guarded(() => api.register.route("/plexsync", Page));

  /** Shows something before or behind the children of a component. @param {string} name @param {(props: any) => any} own */
  const extend = (name, own, isFirst = false) =>
    guarded(() =>
      api.patch.before(name, (props) => {
        const [before, after] = isFirst ? [own(props), props.children] : [props.children, own(props)];
        return [{ ...props, children: h(React.Fragment, null, before, after) }];
      }),
    );

  extend("MainNavBar.UtilityItems", () => h(Sign, { key: "plexsync" }), true);

  // Stash has two sections of that name on one page; the button belongs into the first.
  extend("SettingsToolsSection", () => h(Button, { key: "plexsync" }));

  guarded(() =>
    api.patch.instead("PluginSettings", (props, ...rest) => {
      const original = rest[rest.length - 1];
      const list = typeof original === "function" ? h(original, props) : null;
      return props.pluginID === "plexsync" ? h(Settings, { fallback: list }) : list;
    }),
  );

  guarded(() => {
    const { Tab, Nav } = api.libraries.Bootstrap;
    const tab = h(Nav.Item, null, h(Nav.Link, { eventKey: "plexsync-panel" }, "Plex"));
    extend("ScenePage.Tabs", () => tab);
    extend("ScenePage.TabContent", (props) =>
      h(
        Tab.Pane,
        { eventKey: "plexsync-panel", mountOnEnter: true, unmountOnExit: true },
        h(SceneTab, { sceneId: Number(props.scene?.id) }),
      ),
    );
  });

  const Mark = later("scene_mark");
  guarded(() =>
    api.patch.after("SceneCard.Overlays", (props, ...rest) =>
      h(React.Fragment, null, rest[rest.length - 1], h(Mark, { sceneId: Number(props.scene?.id) })),
    ),
  );

  // Once for each opening of Stash: work that was left when Stash ended goes on.
  guarded(
    () =>
      void load("stash").then(
        (stash) => stash.ask("wake").catch(() => undefined),
        () => undefined,
      ),
  );
})();
