// The questions of one job in a notebook. Answers are not kept here: they go to the log.
import { Blind } from "./blind.js";
import { make } from "./elements.js";
import { Listening } from "./listening.js";
import { drawBlind, drawTakes } from "./takes.js";

const PATIENCE = 2000;

function render({ model, el }) {
  const listening = new Listening();
  const urls = new Map();
  const blinds = new Map();
  el.classList.add("proofbook-panel");

  const drafts = new Map();
  // What was told of a question, and where it stands: a drawing that comes later must not lose it.
  const told = new Map();
  const places = new Map();
  const items = make("div", {}, make("p", { role: "status" }, "Loading …"));
  el.replaceChildren(drawPerson(), items);

  const draw = () => items.replaceChildren(...model.get("items").map(drawItem));

  function drawPerson() {
    const field = (name, words) => {
      const input = make("input", { "aria-label": words, placeholder: words, maxlength: "200", "data-person": name });
      input.value = model.get(name);
      return input;
    };
    return make("p", { class: "person" }, make("b", {}, `Review ${model.get("job")}`), field("reviewer", "Your name"), field("role", "Your role"));
  }

  function drawItem(item) {
    const place = make("p", { class: "bad", role: "alert", hidden: "" });
    places.set(item.question, place);
    if (told.has(item.question)) tell(item.question, told.get(item.question));
    const box = make("section", { "aria-label": item.text },
      make("h3", {}, item.text), make("p", {}, make("span", { class: `badge is-${item.status}` }, item.status), ` ${item.reason}`),
      drawEvidence(item),
      ...item.answers.map((answer) => make("p", {}, make("b", {}, answer.reviewer), ` ${answer.verdict}${answer.comment ? `: ${answer.comment}` : ""}`)),
      drawDeed(item), place);
    return box;
  }

  function drawEvidence(item) {
    const here = { ...item, evidence: item.evidence.map(localise) };
    if (!waits(item)) blinds.delete(item.question);
    else if (Blind.fits(here) && !blinds.has(item.question)) blinds.set(item.question, new Blind(here));
    const blind = blinds.get(item.question);
    if (!blind) return drawTakes(here);
    const box = make("div", {}, drawBlind(blind, (index) => {
      for (const player of box.querySelectorAll("audio, video")) { listening.note(player); player.pause(); }
      blind.choose(index);
      told.delete(item.question);
      places.get(item.question).hidden = true;
      box.replaceWith(drawEvidence(item));
    }));
    return box;
  }

  // The links of a take, replaced by the files that the kernel has sent.
  function localise(take) {
    const views = Object.entries(take.views).filter(([, url]) => urls.has(hashOf(url)));
    return {
      ...take, url: urls.get(take.sha256) ?? "", views: Object.fromEntries(views.map(([name, url]) => [name, urls.get(hashOf(url))])),
      ...(take.approved ? { approved: localise(take.approved) } : {}),
    };
  }

  function tell(question, words) {
    told.set(question, words);
    places.get(question).hidden = false;
    places.get(question).textContent = words;
  }

  function drawDeed(item) {
    const comment = make("input", { placeholder: "Comment", "aria-label": "Comment", maxlength: "10000" });
    comment.value = drafts.get(item.question) ?? "";
    comment.addEventListener("input", () => drafts.set(item.question, comment.value));
    const scores = item.criteria.map((name) => make("label", {}, `${name} `, make("input", { type: "number", min: "1", max: "5", "data-criterion": name })));
    const deed = make("p", { class: "deed" }, ...scores, comment);
    for (const [verdict, words] of [["approved", "Approve"], ["needs-work", "Needs work"], ["rejected", "Reject"]]) {
      const button = make("button", { type: "button", class: `do-${verdict}` }, words);
      button.addEventListener("click", () => {
        const blind = blinds.get(item.question);
        if (blind && !blind.done && verdict === "approved") return tell(item.question, blind.words);
        const scored = [...deed.querySelectorAll("[data-criterion]")].filter((input) => input.value);
        const person = (name) => el.querySelector(`[data-person=${name}]`).value.trim();
        const request = ++requests;
        const late = setTimeout(() => tell(item.question, LATE), PATIENCE);
        waiting.set(request, { question: item.question, late });
        model.send({
          kind: "answer", request, reviewer: person("reviewer"), role: person("role"), job: item.job, question: item.question, verdict,
          comment: comment.value.trim(), scores: Object.fromEntries(scored.map((input) => [input.dataset.criterion, Number(input.value)])),
          shown: item.shown, seconds_played: listening.of(item.shown),
          blind: Boolean(blind), comparison: blind?.done ? blind.result : null,
        });
      });
      deed.append(button);
    }
    return deed;
  }

  // Every answer is acknowledged, or told as not recorded: a kernel may have ended.
  let requests = 0;
  const waiting = new Map();
  function take(message) {
    const asked = waiting.get(message.request);
    if (!asked) return;
    waiting.delete(message.request);
    clearTimeout(asked.late);
    if (message.kind === "refused") return tell(asked.question, message.error);
    drafts.delete(asked.question);
    told.delete(asked.question);
    draw();
  }
  const receive = (message, buffers) => {
    if (message.kind === "media") {
      urls.set(message.sha256, URL.createObjectURL(new Blob([buffers[0]], { type: message.type })));
    } else if (message.kind === "ready") {
      draw();
    } else {
      take(message);
    }
  };
  model.on("msg:custom", receive);
  model.on("change:items", draw);
  model.send({ kind: "begin" });
  return () => {
    model.off("msg:custom", receive);
    model.off("change:items", draw);
    for (const { late } of waiting.values()) clearTimeout(late);
    for (const url of urls.values()) URL.revokeObjectURL(url);
  };
}

const LATE = "Not recorded: the kernel does not answer. Run this cell again, then answer again.";
const waits = (item) => ["pending", "stale", "expired", "untrusted"].includes(item.status);

const hashOf = (url) => url.split("/").pop().split(".")[0];

export default { render };
