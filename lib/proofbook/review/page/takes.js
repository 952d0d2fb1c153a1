// One function per kind of evidence: a take in, an element out. A new kind is one more function.
import { make } from "./elements.js";

export const kinds = { audio, video, text, image: picture, plot: picture };

export function drawTake(take, title) {
  const draw = kinds[take.kind] ?? other;
  const figure = make("figure", { class: "take" });
  figure.append(make("figcaption", {}, title ?? take.name));
  if (take.caption) figure.append(make("p", {}, take.caption));
  if (take.labels) figure.append(make("small", {}, take.labels));
  if (!take.there) figure.append(make("p", { class: "bad" }, "The file is gone from media/; it cannot be reviewed."));
  else figure.append(...draw(take, figure));
  if (take.facts.length) {
    const facts = take.facts.map((fact) => make("div", {},
      make("dt", {}, fact.name), make("dd", {}, `${fact.value} ${fact.unit}`)));
    figure.append(make("dl", { class: "facts" }, ...facts));
  }
  return figure;
}

function audio(take, figure) {
  return [player("audio", take), ...views(take, figure)];
}

function video(take, figure) {
  return [player("video", take), ...views(take, figure)];
}

function player(tag, take) {
  const element = make(tag, { controls: "", preload: "auto", src: take.url, "data-sha": take.sha256 });
  element.setAttribute("aria-label", `Play ${take.name}`);
  return element;
}

// Pictures of a clip show where it plays, and play from where they are clicked.
function views(take, figure) {
  return Object.entries(take.views).map(([name, url]) => {
    const stage = make("div", { class: "stage" }, make("img", { src: url, alt: `${name} of ${take.name}` }), make("i"));
    stage.addEventListener("click", (event) => {
      const element = figure.querySelector("audio, video");
      const area = stage.querySelector("i").getBoundingClientRect();
      element.currentTime = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1) * (element.duration || 0);
      element.play();
    });
    return stage;
  });
}

function picture(take) {
  const image = make("img", { class: "picture", src: take.url, alt: take.caption || take.name, "data-zoom": "" });
  image.addEventListener("load", () => {
    if (image.naturalWidth < 200) image.classList.add("small-picture");
  });
  return [image];
}

function text(take) {
  if (!take.diff) return [make("pre", { tabindex: "0" }, take.text)];
  const lines = take.diff.map(([sign, line]) => sign === "+" ? make("ins", {}, line)
    : sign === "-" ? make("del", {}, line) : document.createTextNode(`${line}\n`));
  return [make("small", {}, "Compared with the approved text"), make("pre", { tabindex: "0" }, ...lines)];
}

function other(take) {
  return [make("p", {}, make("a", { href: take.url }, `Open ${take.name}`))];
}

// A question's evidence, each with the last approved take of it.
export function drawTakes(item) {
  const takes = make("div", { class: "takes" });
  const pictures = item.evidence.every((take) => ["image", "plot"].includes(take.kind));
  if (pictures && (item.evidence.length > 1 || item.evidence.some((take) => take.approved))) takes.classList.add("grid");
  for (const take of item.evidence) {
    const figures = [drawTake(take)];
    if (take.approved && !take.diff) figures.push(drawTake(take.approved, `Approved by ${take.approved.by} in ${take.approved.run}`));
    const players = figures.map((figure) => figure.querySelector("audio, video")).filter(Boolean);
    if (players.length === 2) matchLoudness(players, [take, take.approved]);
    takes.append(...figures);
  }
  return takes;
}

// Two or three takes without their names; "choose" is told 0 for A, 1 for B and null for neither.
export function drawBlind(blind, choose) {
  const takes = blind.takes;
  const figures = takes.map((take) => drawTake({ ...take, name: take.title, caption: "", labels: "", facts: [], views: {} }, take.title));
  matchLoudness(figures.map((figure) => figure.querySelector("audio, video")).filter(Boolean), takes);
  const box = make("div", { class: "takes grid" }, make("p", { class: "blind-words", role: "status" }, blind.words), ...figures);
  if (blind.done) return box;
  const choices = make("p", { class: "choices" });
  for (const [index, words] of blind.choices) {
    const button = make("button", { type: "button" }, words);
    button.addEventListener("click", () => choose(index));
    choices.append(button);
  }
  box.append(choices);
  return box;
}

// As loud as each other: the louder one is turned down.
export function matchLoudness(players, takes) {
  const known = takes.map((take) => take.loudness).filter((value) => value !== null);
  if (known.length < takes.length) return;
  const target = Math.min(...known);
  players.forEach((element, index) => { element.volume = Math.min(1, 10 ** ((target - takes[index].loudness) / 20)); });
}
