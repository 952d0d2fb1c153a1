// The questions of one job in a notebook. Nothing that is answered stays here: it goes to the log.
import { make } from "./elements.js";
import { Listening } from "./listening.js";
import { drawTake } from "./takes.js";

function render({ model, el }) {
  const listening = new Listening();
  const urls = new Map();
  el.classList.add("proofbook-panel");

  const drafts = new Map();
  const items = make("div", {}, make("p", { role: "status" }, "Fetching what is to be reviewed …"));
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
    const said = make("p", { class: "bad", role: "alert", hidden: "" });
    const box = make("section", { "aria-label": item.text },
      make("h3", {}, item.text), make("p", {}, make("span", { class: `badge is-${item.status}` }, item.status), ` ${item.reason}`),
      ...item.evidence.map((take) => drawTake({ ...take, url: urls.get(take.sha256) ?? "", views: shown(take.views) })),
      ...item.answers.map((answer) => make("p", {}, make("b", {}, answer.reviewer), ` ${answer.verdict}${answer.comment ? `: ${answer.comment}` : ""}`)),
      drawDeed(item, said), said);
    return box;
  }

  const shown = (views) => Object.fromEntries(Object.entries(views).filter(([, url]) => urls.has(hashOf(url))).map(([name, url]) => [name, urls.get(hashOf(url))]));

  function drawDeed(item, said) {
    const comment = make("input", { placeholder: "Comment", "aria-label": "Comment", maxlength: "10000" });
    comment.value = drafts.get(item.question) ?? "";
    comment.addEventListener("input", () => drafts.set(item.question, comment.value));
    const scores = item.criteria.map((name) => make("label", {}, `${name} `, make("input", { type: "number", min: "1", max: "5", "data-criterion": name })));
    const deed = make("p", { class: "deed" }, ...scores, comment);
    for (const [verdict, words] of [["approved", "Approve"], ["needs-work", "Needs work"], ["rejected", "Reject"]]) {
      const button = make("button", { type: "button", class: `do-${verdict}` }, words);
      button.addEventListener("click", () => {
        const given = [...deed.querySelectorAll("[data-criterion]")].filter((input) => input.value);
        const person = (name) => el.querySelector(`[data-person=${name}]`).value.trim();
        model.send({
          kind: "answer", reviewer: person("reviewer"), role: person("role"), job: item.job, question: item.question, verdict,
          comment: comment.value.trim(), scores: Object.fromEntries(given.map((input) => [input.dataset.criterion, Number(input.value)])),
          shown: item.shown, seconds_played: listening.of(item.shown),
        });
        waiting = said;
        drafts.delete(item.question);
      });
      deed.append(button);
    }
    return deed;
  }

  let waiting = null;
  const hear = (message, buffers) => {
    if (message.kind === "media") {
      urls.set(message.sha256, URL.createObjectURL(new Blob([buffers[0]], { type: message.type })));
    } else if (message.kind === "ready") {
      draw();
    } else if (message.kind === "refused" && waiting) {
      waiting.hidden = false;
      waiting.textContent = message.error;
    }
  };
  model.on("msg:custom", hear);
  model.on("change:items", draw);
  model.send({ kind: "begin" });
  return () => {
    model.off("msg:custom", hear);
    model.off("change:items", draw);
    for (const url of urls.values()) URL.revokeObjectURL(url);
  };
}

const hashOf = (url) => url.split("/").pop().split(".")[0];

export default { render };
