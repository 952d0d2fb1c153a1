// Opens a notebook at the cell that the address names, as in .../tree/debug.ipynb#cell-id=load.
// JupyterLab itself follows such a fragment only in a notebook that is open already.
(() => {
  const fragment = window.location.hash;
  const path = decodeURIComponent(window.location.pathname.split("/tree/")[1] ?? "");

  function follow(shell) {
    const found = [...shell.widgets("main")].find((widget) => widget.context?.path === path);
    if (!found) return false;
    found.revealed.then(() => found.setFragment(fragment));
    return true;
  }

  function activate(app) {
    if (!path || !fragment.startsWith("#cell-id=")) return;
    const watch = () => follow(app.shell) && app.shell.currentChanged.disconnect(watch);
    app.shell.currentChanged.connect(watch);
    watch();
  }

  const plugin = { id: "proofbook-lab:cell", autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB ?? {};
  window._JUPYTERLAB["proofbook-lab"] = { init: () => {}, get: async () => () => plugin };
})();
