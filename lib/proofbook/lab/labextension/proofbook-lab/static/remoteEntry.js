// What JupyterLab lacks for runbooks and runs: it opens a notebook at the cell that the address
// names, says above a record that it is one, and why a change was refused. What comes from a run
// becomes text, never markup.
(() => {
  const JOB = /(?:^|\/)([^/]+)\/jobs\/([^/]+)\//;

  // Lumino gives a widget no more than its least height.
  const STYLE = `
    .proofbook-record { min-height: 30px; line-height: 30px; padding: 0 12px; overflow: auto;
      white-space: nowrap; font-family: var(--jp-ui-font-family); color: var(--jp-ui-font-color1);
      background: var(--jp-layout-color2); border-bottom: 1px solid var(--jp-border-color1); }
    .proofbook-record code { user-select: all; }`;

  // JupyterLab itself follows such a fragment only in a notebook that is open already.
  function openAtCell(app) {
    const fragment = window.location.hash;
    const path = decodeURIComponent(window.location.pathname.split("/tree/")[1] ?? "");
    if (!path || !fragment.startsWith("#cell-id=")) return;

    function follow() {
      const found = [...app.shell.widgets("main")].find((widget) => widget.context?.path === path);
      if (!found) return;
      app.shell.currentChanged.disconnect(follow);
      found.revealed.then(() => found.setFragment(fragment));
    }
    app.shell.currentChanged.connect(follow);
    follow();
  }

  const quoted = (word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`;

  // What the server says when a save is refused, said before anyone types.
  function describeRecord(path) {
    const [, run, job] = path.match(JOB);
    const where = path.startsWith(`outputs/${run}/`) ? run : path.split("/jobs/")[0];
    const node = document.createElement("div");
    node.className = "proofbook-record";
    node.setAttribute("role", "note");
    const command = document.createElement("code");
    command.textContent = `proofbook lab ${quoted(where)} ${quoted(job)}`;
    node.append("This is the record of a run, and is read-only. Work on a copy: ", command);
    return node;
  }

  function sayWhatIsARecord(app, Widget) {
    const createNew = (document, context) => {
      context.ready.then(() => {
        const isRecord = context.contentsModel?.writable === false && JOB.test(context.path);
        if (document.isDisposed || !isRecord) return;
        document.contentHeader.addWidget(new Widget({ node: describeRecord(context.path) }));
      });
    };
    for (const factory of ["Notebook", "Editor"]) {
      app.docRegistry.addWidgetExtension(factory, { createNew });
    }
  }

  // JupyterLab's own commands keep some refusals to themselves, such as that of a rename.
  function showRefusals(app) {
    const { contents } = app.serviceManager;
    for (const name of ["copy", "delete", "newUntitled", "rename", "restoreCheckpoint", "save"]) {
      const call = contents[name].bind(contents);
      contents[name] = (...values) => call(...values).catch((error) => {
        if (error.response?.status === 403) {
          const options = { autoClose: false };
          app.commands.execute("apputils:notify", { message: error.message, type: "error", options });
        }
        throw error;
      });
    }
  }

  let shared;
  const widgetClass = async () => (await Object.values(shared["@lumino/widgets"])[0].get())().Widget;

  async function extension() {
    const Widget = await widgetClass();
    const activate = (app) => {
      const style = document.createElement("style");
      style.textContent = STYLE;
      document.head.append(style);
      sayWhatIsARecord(app, Widget);
      showRefusals(app);
      openAtCell(app);
    };
    return { id: "proofbook-lab:notebooks", autoStart: true, activate };
  }

  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["proofbook-lab"] = {
    init: (scope) => { shared = scope; },
    get: async () => {
      const plugin = await extension();
      return () => plugin;
    },
  };
})();
