"use strict";
(() => {
  const bar = document.querySelector(".filters");
  const search = document.getElementById("search");
  const buttons = [...bar.querySelectorAll("button")];
  const rows = [...document.querySelectorAll("tr[data-state]")];
  const cards = [...document.querySelectorAll("details.job")];
  const more = document.getElementById("more");
  const step = Number(more.textContent.match(/\d+/)[0]);
  const texts = new Map([...rows, ...cards].map((item) => [item, item.dataset.search]));
  let most = step;

  // Of a large run only so many are laid out at once; the search looks at all of them.
  function filter() {
    const pressed = buttons.filter((button) => button.ariaPressed === "true");
    const states = new Set(pressed.map((button) => button.dataset.filter));
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const matches = (item) => (!states.size || states.has(item.dataset.state)) && words.every((word) => texts.get(item).includes(word));
    const matching = show(rows, matches);
    show(cards, matches);
    const folded = document.querySelector("details.folded");
    if (folded && (states.size || words.length)) folded.open = true;
    document.querySelector(".none").hidden = matching > 0;
    more.parentElement.hidden = matching <= most;
    bar.querySelector(".matches").textContent = matching === rows.length ? "" : `${matching} of ${rows.length} jobs`;
  }

  function show(items, matches) {
    let matching = 0;
    for (const item of items) {
      const hidden = !matches(item) || ++matching > most;
      if (item.hidden !== hidden) item.hidden = hidden;
    }
    return matching;
  }

  // The details of a large run are text until they are opened.
  const packed = new Map();
  for (const pack of document.querySelectorAll("script.packed")) {
    pack.dataset.numbers.split(" ").forEach((number, place) => packed.set(number, { pack, place }));
  }
  async function unpack(pack) {
    const bytes = Uint8Array.from(atob(pack.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return (await new Response(stream).text()).split("<!--next-->");
  }
  async function fill(card) {
    const body = card.querySelector("[data-deferred]");
    if (!body) return;
    const { pack, place } = packed.get(body.dataset.deferred);
    delete body.dataset.deferred;
    body.innerHTML = (await unpack(pack))[place];
    wire(body);
    for (const log of body.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight;
  }

  async function openTarget() {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { return; }
    const card = document.getElementById(id);
    if (!card || !card.matches("details.job")) return;
    await fill(card);
    card.hidden = false;
    for (let fold = card.parentElement.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
    card.open = true;
    card.scrollIntoView();
    card.querySelector("summary").focus({ preventScroll: true });
  }

  for (const button of buttons) {
    button.addEventListener("click", () => {
      button.ariaPressed = button.ariaPressed === "true" ? "false" : "true";
      most = step;
      filter();
    });
  }
  search.addEventListener("input", () => { most = step; filter(); });
  more.addEventListener("click", () => { most += step; filter(); });
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
  const played = {};
  const follow = (player) => {
    const figure = player.closest("figure");
    figure.style.setProperty("--at", player.currentTime / (player.duration || 1));
    const moved = player.currentTime - (player.seen ?? player.currentTime);
    if (moved > 0 && moved < 1) played[figure.dataset.sha] = (played[figure.dataset.sha] ?? 0) + moved;
    player.seen = player.currentTime;
    if (!player.paused) requestAnimationFrame(() => follow(player));
  };
  function wire(root) {
    for (const player of root.querySelectorAll("figure audio, figure video")) {
      const figure = player.closest("figure");
      player.addEventListener("play", () => { player.seen = player.currentTime; figure.classList.add("playing"); follow(player); });
      player.addEventListener("seeked", () => { player.seen = player.currentTime; follow(player); });
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
    for (const form of root.querySelectorAll("form.answer")) {
      form.hidden = !document.body.classList.contains("answering");
      form.addEventListener("change", count);
      form.addEventListener("submit", (event) => event.preventDefault());
    }
  }

  // a picture opens in place
  const zoomed = document.getElementById("zoomed");
  document.addEventListener("click", (event) => {
    const picture = event.target.closest(".zoom")?.querySelector("img");
    if (!picture || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    const large = new Image();
    large.src = picture.src;
    large.alt = picture.alt;
    zoomed.querySelector("div").replaceChildren(large);
    zoomed.showModal();
  });
  zoomed.addEventListener("click", () => zoomed.close());

  // a log is read from its end
  document.addEventListener("toggle", (event) => {
    if (event.target.matches("details.job") && event.target.open) fill(event.target);
    for (const log of event.target.querySelectorAll("pre.log")) log.scrollTop = log.scrollHeight;
  }, true);

  // Answers without a server: they are collected here and saved as a file.
  const tray = document.getElementById("export");
  const begin = document.getElementById("answer");
  const verdictOf = (form) => form.querySelector("[name=verdict]:checked")?.value;
  const forms = () => [...document.querySelectorAll("form.answer")].filter(verdictOf);

  function count() {
    const answered = forms().length;
    document.getElementById("answered").textContent = answered ? `${answered} answered` : "nothing answered yet";
  }

  function collect(form) {
    const { bound, criteria, ...asked } = JSON.parse(form.dataset.asked);
    const scores = [...form.querySelectorAll("[name=score]")].filter((input) => input.value);
    const heard = asked.shown.filter((sha) => played[sha]).map((sha) => [sha, Math.round(played[sha] * 1000) / 1000]);
    return {
      given: {
        ...asked, verdict: verdictOf(form), comment: form.querySelector("[name=comment]").value.trim(),
        scores: Object.fromEntries(scores.map((input) => [input.dataset.criterion, Number(input.value)])),
        seconds_played: Object.fromEntries(heard),
      },
      bound,
    };
  }

  function save() {
    const name = document.getElementById("reviewer");
    if (!name.value.trim()) { name.focus(); document.getElementById("answered").textContent = "enter your name first"; return; }
    const file = {
      format: "proofbook-answers/1", run: document.body.dataset.run, reviewer: name.value.trim(),
      role: document.getElementById("role").value.trim(), answers: forms().map(collect),
    };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(file, null, 1)], { type: "application/json" }));
    link.download = `answers-${file.run}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  if (tray && begin) {
    begin.hidden = false;
    begin.addEventListener("click", () => {
      document.body.classList.add("answering");
      tray.hidden = false;
      for (const form of document.querySelectorAll("form.answer")) form.hidden = false;
      document.querySelector("form.answer")?.closest("details").setAttribute("open", "");
      document.getElementById("reviewer").focus();
    });
    document.getElementById("save").addEventListener("click", save);
  }

  wire(document);
  bar.hidden = false;
  openTarget();
})();
