import { Blind } from "./blind.js";
import { byId, make } from "./elements.js";
import { forget, person, recall, remember, setPerson } from "./memory.js";
import { Listening } from "./listening.js";
import { drawBlind, drawTakes } from "./takes.js";

const listening = new Listening();
const state = { items: [], buttons: [], at: 0, answers: 0, hideMetrics: false, sending: false, blind: null, scores: {}, criterion: 0, override: false };
const PATIENCE = 10_000;
const LATE = 2_000;
const waits = (item) => ["pending", "stale", "expired", "untrusted"].includes(item.status);
const current = () => state.items[state.at];

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(PATIENCE) });
  const values = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(values.error ?? `the server answered with status ${response.status}`);
  return values;
}

function say(words) {
  byId("message").textContent = words;
}

// There may be thousands of questions: the list is built once, and then only what changes is redrawn.
function makeList() {
  state.buttons = state.items.map((item, index) => {
    const button = make("button", { type: "button" }, make("span", { class: "dot" }), make("span", {}, item.question), make("small"));
    button.addEventListener("click", () => go(index));
    return button;
  });
  byId("list").replaceChildren(...state.buttons.map((button) => make("li", {}, button)));
}

function drawList() {
  for (const [index, item] of state.items.entries()) {
    const button = state.buttons[index];
    if (button.className === `is-${item.status}`) continue;
    button.className = `is-${item.status}`;
    button.lastChild.textContent = `${item.job} · ${item.status}`;
  }
  byId("list").querySelector("[aria-current]")?.removeAttribute("aria-current");
  state.buttons[state.at]?.setAttribute("aria-current", "true");
  state.buttons[state.at]?.scrollIntoView({ block: "nearest" });
  const waiting = state.items.filter(waits);
  const open = waiting.filter((item) => item.required).length;
  const rest = waiting.length ? `${waiting.length} optional of ${state.items.length} wait` : `all ${state.items.length} answered`;
  byId("count").textContent = open ? `${open} of ${state.items.length} wait` : rest;
  byId("bar").value = state.items.length ? 1 - open / state.items.length : 1;
}

function drawStage() {
  const item = current();
  const stage = byId("stage");
  stage.classList.toggle("hidden-metrics", hidesMetrics(item));
  if (!item) return stage.replaceChildren(make("div", { class: "done" }, make("h1", {}, "This run asks nothing.")));
  const parts = [make("h1", {}, item.text), drawAbout(item)];
  if (item.checks.failed.length) parts.push(make("p", { class: "bad" }, `Checks that did not pass: ${item.checks.failed.join(", ")}`));
  if (item.form === "score") parts.push(drawScores(item));
  parts.push(state.blind ? drawBlind(state.blind, choose) : drawTakes(item));
  if (!hidesMetrics(item) && item.metrics.length) parts.push(drawMetrics(item));
  if (item.answers.length) parts.push(drawEarlier(item));
  parts.push(drawDeed(item));
  stage.replaceChildren(...parts);
}

const hidesMetrics = (item) => Boolean(item && (state.hideMetrics || state.blind) && waits(item));

function drawAbout(item) {
  const about = make("p", { class: "about" }, make("span", { class: `badge is-${item.status}` }, item.status), make("span", {}, item.job));
  if (item.reason) about.append(make("span", {}, item.reason));
  if (item.role) about.append(make("span", {}, `for the ${item.role}`));
  if (!item.required) about.append(make("span", {}, "optional"));
  return about;
}

function drawScores(item) {
  const rows = item.criteria.map((name, index) => {
    const row = make("div", { role: "group", "aria-label": name, class: index === state.criterion ? "now" : "" }, make("span", {}, name));
    for (let value = 1; value <= 5; value += 1) {
      const button = make("button", { type: "button", "aria-pressed": String(state.scores[name] === value) }, String(value));
      button.addEventListener("click", () => { state.criterion = index; score(value); });
      row.append(button);
    }
    return row;
  });
  return make("div", { class: "scores" }, ...rows);
}

function drawMetrics(item) {
  const facts = item.metrics.map((metric) => make("div", {}, make("dt", {}, `${metric.name}${metric.labels ? ` (${metric.labels})` : ""}`), make("dd", {}, `${metric.value} ${metric.unit}`)));
  return make("details", {}, make("summary", {}, `Metrics of this job (${item.metrics.length})`), make("dl", { class: "facts" }, ...facts));
}

function drawEarlier(item) {
  const lines = item.answers.map((answer) => make("li", {}, make("b", {}, answer.reviewer), answer.role ? ` (${answer.role})` : "", ` ${answer.verdict}`,
    answer.comment ? `: ${answer.comment}` : "", " ", make("small", {}, new Date(answer.time).toLocaleString(), answer.signed ? ", signed" : "")));
  return make("div", { class: "earlier" }, make("h2", {}, "Answers so far"), make("ul", {}, ...lines));
}

function drawDeed(item) {
  const comment = make("textarea", { id: "comment", placeholder: "Comment", "aria-label": "Comment", maxlength: "10000" });
  const button = (name, words, key, verdict) => {
    const element = make("button", { type: "button", class: name, "aria-keyshortcuts": key }, `${words} `, make("kbd", {}, key));
    element.addEventListener("click", () => decide(verdict));
    return element;
  };
  const others = item.answers.filter((answer) => item.in_force.includes(answer.id) && answer.reviewer !== person().name && answer.verdict !== "approved");
  const deed = make("div", { class: "deed" }, comment, button("approve", "Approve", "a", "approved"), button("work", "Needs work", "w", "needs-work"), button("reject", "Reject", "r", "rejected"));
  if (others.length) {
    const box = make("input", { type: "checkbox", id: "override" });
    box.addEventListener("change", () => { state.override = box.checked; });
    deed.append(make("label", {}, box, ` replaces the answer of ${others.map((answer) => answer.reviewer).join(", ")}`));
  }
  comment.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (state.verdict) send(state.verdict);
      else say("Nothing was sent: choose Approve, Needs work or Reject.");
    }
    if (event.key === "Escape") { state.verdict = null; byId("stage").focus(); }
    event.stopPropagation();
  });
  comment.value = recall(item).comment ?? "";
  comment.addEventListener("input", () => remember(item, { comment: comment.value }));
  return deed;
}

function go(index, play = false) {
  if (!state.items.length) return drawStage();
  state.at = Math.min(Math.max(index, 0), state.items.length - 1);
  Object.assign(state, { verdict: null, scores: { ...recall(current()).scores }, criterion: 0, override: false, blind: Blind.fits(current()) ? new Blind(current()) : null });
  say("");
  drawList();
  drawStage();
  byId("stage").focus({ preventScroll: true });
  scrollTo(0, 0);
  history.replaceState(null, "", `#${encodeURIComponent(current().job)}/${encodeURIComponent(current().question)}`);
  if (play) playPause();
}

function next(onlyWaiting) {
  const order = state.items.map((_, step) => (state.at + 1 + step) % state.items.length);
  const index = onlyWaiting ? order.find((index) => waits(state.items[index])) : order[0];
  if (index === undefined) { drawList(); drawStage(); say(""); return; }
  go(index, onlyWaiting);
}

function players() {
  return [...byId("stage").querySelectorAll("audio, video")];
}

function playPause() {
  const playing = players().find((player) => !player.paused);
  if (playing) playing.pause();
  else (players().find((player) => player.closest(".take.on")) ?? players()[0])?.play().catch(() => say("press space to play"));
}

function changeTake() {
  const all = players();
  if (all.length < 2) return changePicture();
  const playing = all.findIndex((player) => !player.paused);
  const at = Math.max(0, playing >= 0 ? playing : all.findIndex((player) => player.closest(".take.on")));
  const from = all[at], to = all[(at + 1) % all.length];
  to.currentTime = from.ended || from.currentTime > (to.duration || 0) - 0.05 ? 0 : from.currentTime;
  for (const figure of byId("stage").querySelectorAll(".take")) figure.classList.toggle("on", figure.contains(to));
  to.play();
}

function chooseBlind() {
  if (!state.blind || state.blind.done) return;
  const at = players().findIndex((player) => !player.paused);
  if (at < 0 || at > 1) return say("play A or B, then press x while it plays");
  choose(at);
}

function choose(index) {
  state.blind.choose(index);
  for (const player of players()) { listening.note(player); player.pause(); }
  drawStage();
}

function score(value) {
  const name = current().criteria[state.criterion];
  if (!name) return;
  state.scores[name] = value;
  state.criterion = Math.min(state.criterion + 1, current().criteria.length);
  remember(current(), { scores: state.scores });
  byId("stage").querySelector(".scores").replaceWith(drawScores(current()));
}

function decide(verdict) {
  const comment = byId("comment");
  state.verdict = verdict;
  if (verdict !== "approved" && !comment.value.trim()) { comment.placeholder = "Say why, then press enter"; comment.focus(); return; }
  send(verdict);
}

async function send(verdict) {
  const item = current();
  if (!item || state.sending) return;
  if (!person().name) return byId("person").showModal();
  if (verdict === "approved" && state.blind && !state.blind.done) return say(state.blind.words);
  state.sending = true;
  for (const player of players()) { listening.note(player); player.pause(); }
  const answer = {
    reviewer: person().name, role: person().role, job: item.job, question: item.question, verdict,
    comment: byId("comment").value.trim(), scores: state.scores, blind: hidesMetrics(item), shown: item.shown,
    seconds_played: listening.of(item.shown), supersedes: state.override ? item.answers.map((each) => each.id).filter((id) => item.in_force.includes(id)) : [],
    comparison: state.blind?.done ? state.blind.result : null,
  };
  const late = setTimeout(() => say("Not recorded yet: the server has not acknowledged it. It is being waited for."), LATE);
  try {
    await ask("api/answers", { method: "POST", headers: { "Content-Type": "application/json", "X-Proofbook": "1" }, body: JSON.stringify(answer) });
  } catch (error) {
    const isRefusal = !["TimeoutError", "TypeError"].includes(error.name);
    say(isRefusal ? error.message : `Not recorded, as far as is known. ${explain(error)}`);
    state.sending = false;
    return;
  } finally {
    clearTimeout(late);
  }
  forget(item);
  const isCurrent = await refresh().then(() => true, () => false);
  state.sending = false;
  if (isCurrent) next(true);
  else say("It is recorded; but since then the server has not responded.");
}

function explain(error) {
  if (error.name === "TimeoutError") return "The server has not acknowledged it. Send it again once it responds: a second answer replaces the first.";
  if (error.name === "TypeError") return "The server does not respond. Start it again, then press the key again: a second answer replaces the first.";
  return error.message;
}

async function refresh() {
  const states = await ask(`api/states?since=${state.answers}`);
  state.answers = states.answers;
  for (const item of state.items) Object.assign(item, states.questions[`${item.job}\n${item.question}`] ?? {});
  return Object.keys(states.questions).length > 0;
}

const pictures = () => [...byId("stage").querySelectorAll("img[data-zoom]")];

function zoom(image = pictures()[0]) {
  const open = document.querySelector(".zoomed");
  if (open) return open.remove();
  if (image) document.body.append(drawZoomed(image));
}

function drawZoomed(image) {
  const large = make("img", { src: image.src, alt: image.alt });
  const name = image.closest(".take").querySelector("figcaption").textContent;
  return make("figure", { class: "zoomed", "data-at": String(pictures().indexOf(image)) }, large, make("figcaption", {}, name));
}

// The same place of the screen shows one picture, then the next: what differs jumps.
function changePicture() {
  const all = pictures(), open = document.querySelector(".zoomed");
  if (all.length < 2) return;
  const shown = open ? Number(open.dataset.at) : -1;
  open?.remove();
  document.body.append(drawZoomed(all[(shown + 1) % all.length]));
}

const keys = {
  " ": playPause, a: () => decide("approved"), r: () => decide("rejected"), w: () => decide("needs-work"),
  c: () => byId("comment").focus(), b: changeTake, x: chooseBlind, z: () => zoom(), n: () => next(true),
  j: () => next(false), k: () => go(state.at - 1), ArrowRight: () => next(false), ArrowLeft: () => go(state.at - 1),
  m: () => { state.hideMetrics = !state.hideMetrics; drawStage(); }, "?": () => byId("keys").showModal(),
  Escape: () => document.querySelector(".zoomed")?.remove(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (event.target.closest("input, textarea, select")) return;
  if (event.key === " " && event.target.closest("button, summary, a")) return;
  if (/^[1-5]$/.test(event.key)) return score(Number(event.key));
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (act) { event.preventDefault(); act(); }
});
document.addEventListener("click", (event) => {
  const open = event.target.closest(".zoomed");
  if (open) open.remove();
  else if (event.target.matches("img[data-zoom]")) zoom(event.target);
});
byId("help").addEventListener("click", () => byId("keys").showModal());
byId("who").addEventListener("click", () => byId("person").showModal());
byId("person").addEventListener("close", () => {
  setPerson(byId("name").value.trim(), byId("role").value.trim());
  byId("who").textContent = person().name || "Who are you?";
  byId("stage").focus();
});

// The server proposes a name where this browser knows none; only a server that signs has its own.
function meet(about) {
  if (about.signs_for) setPerson(about.signs_for, about.role);
  byId("name").value = person().name || about.reviewer;
  byId("role").value = person().role || (person().name ? "" : about.role);
  byId("name").readOnly = Boolean(about.signs_for);
  byId("who").textContent = person().name || "Who are you?";
}

async function begin() {
  const about = await ask("api/run");
  byId("run").textContent = about.run;
  byId("profile").textContent = about.profile;
  document.title = `Review ${about.profile} · Proofbook`;
  meet(about);
  state.items = await ask("api/queue");
  makeList();
  const [job, question] = location.hash.slice(1).split("/").map(decodeURIComponent);
  const wanted = state.items.findIndex((item) => item.job === job && item.question === question);
  const first = state.items.findIndex(waits);
  go(wanted >= 0 ? wanted : Math.max(first, 0));
  if (!person().name) byId("person").showModal();
  setInterval(async () => {
    if (state.sending || document.hidden) return;
    if (await refresh().catch(() => false)) drawList();
  }, 5000);
}

begin().catch((error) => say(explain(error)));
