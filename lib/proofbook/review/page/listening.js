// How long each clip has really played: only time that passes while its clock moves is counted.
export class Listening {
  constructor() {
    this.seconds = {};
    this.last = new Map();
    document.addEventListener("timeupdate", (event) => this.note(event.target), true);
    document.addEventListener("seeking", (event) => this.last.delete(event.target), true);
    document.addEventListener("seeked", (event) => this.last.set(event.target, event.target.currentTime), true);
    document.addEventListener("pause", (event) => { this.note(event.target); this.last.delete(event.target); }, true);
    document.addEventListener("play", (event) => {
      for (const player of document.querySelectorAll("audio, video")) if (player !== event.target) player.pause();
      this.last.set(event.target, event.target.currentTime);
      event.target.closest(".take")?.classList.add("playing");
      this.follow(event.target);
    }, true);
  }

  note(player) {
    if (!player.dataset?.sha) return;
    const before = this.last.get(player);
    const moved = player.currentTime - (before ?? player.currentTime);
    if (moved > 0 && moved < 1) this.seconds[player.dataset.sha] = (this.seconds[player.dataset.sha] ?? 0) + moved;
    this.last.set(player, player.currentTime);
  }

  follow(player) {
    const figure = player.closest(".take");
    figure?.style.setProperty("--at", player.currentTime / (player.duration || 1));
    if (!player.paused) requestAnimationFrame(() => this.follow(player));
  }

  of(shas) {
    return Object.fromEntries(shas.filter((sha) => this.seconds[sha]).map((sha) => [sha, Math.round(this.seconds[sha] * 1000) / 1000]));
  }
}
