"use strict";
(() => {
  const bar = document.querySelector(".filters");
  const search = document.getElementById("search");
  const buttons = [...bar.querySelectorAll("button")];
  const rows = [...document.querySelectorAll("tr[data-state]")];
  const cards = [...document.querySelectorAll("details.job")];

  function matches(item, states, words) {
    if (states.size && !states.has(item.dataset.state)) return false;
    return words.every((word) => item.dataset.search.includes(word));
  }

  function filter() {
    const pressed = buttons.filter((button) => button.ariaPressed === "true");
    const states = new Set(pressed.map((button) => button.dataset.filter));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const item of [...rows, ...cards]) item.hidden = !matches(item, states, words);
    const shown = rows.filter((row) => !row.hidden).length;
    document.querySelector(".none").hidden = shown > 0;
    const all = shown === rows.length;
    bar.querySelector(".found").textContent = all ? "" : `${shown} of ${rows.length} jobs`;
  }

  function openTarget() {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { return; }
    const card = document.getElementById(id);
    if (!card || !card.matches("details.job")) return;
    card.hidden = false;
    card.open = true;
    card.scrollIntoView();
    card.querySelector("summary").focus({ preventScroll: true });
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      filter();
    });
  }
  search.addEventListener("input", filter);
  addEventListener("hashchange", openTarget);
  document.addEventListener("click", (event) => {
    const link = event.target.closest('a[href^="#job-"]');
    if (link && link.hash === location.hash) openTarget();
  });

  // one clip at a time
  document.addEventListener("play", (event) => {
    for (const player of document.querySelectorAll("audio, video")) {
      if (player !== event.target) player.pause();
    }
  }, true);

  // a picture of a clip shows where it plays, and plays from where it is clicked
  const follow = (player) => {
    const figure = player.closest("figure");
    figure.style.setProperty("--at", player.currentTime / (player.duration || 1));
    if (!player.paused) requestAnimationFrame(() => follow(player));
  };
  for (const player of document.querySelectorAll("figure audio")) {
    const figure = player.closest("figure");
    player.addEventListener("play", () => { figure.classList.add("playing"); follow(player); });
    player.addEventListener("seeked", () => follow(player));
    player.addEventListener("ended", () => figure.classList.remove("playing"));
    for (const stage of figure.querySelectorAll(".stage")) {
      stage.addEventListener("click", (event) => {
        const area = stage.querySelector("i").getBoundingClientRect();
        const share = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
        const seek = () => { player.currentTime = share * player.duration; };
        if (player.readyState > 0) seek();
        else player.addEventListener("loadedmetadata", seek, { once: true });
        player.play();
      });
    }
  }

  // a log is read from its end
  document.addEventListener("toggle", (event) => {
    for (const log of event.target.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight;
  }, true);

  bar.hidden = false;
  openTarget();
})();
