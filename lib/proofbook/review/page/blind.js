// Blind comparisons: two takes in an order that the listener does not know.
const MOST_TRIALS = 5;

export class Blind {
  constructor(item) {
    const take = item.evidence[0];
    this.form = item.form;
    this.take = take;
    this.order = shuffled([take, take.approved]);
    this.trials = 0;
    this.correct = 0;
    this.preferred = null;
    this.hidden = Math.random() < 0.5 ? 0 : 1;
  }

  static fits(item) {
    return (item.form === "ab" || item.form === "abx") && Boolean(item.evidence[0]?.approved?.there);
  }

  get done() {
    return this.form === "ab" ? this.preferred !== null : this.trials >= MOST_TRIALS;
  }

  get takes() {
    const whose = (take) => this.done ? take === this.take ? ": this take" : ": the approved one" : "";
    const named = this.order.map((take, index) => ({ ...take, title: `${"AB"[index]}${whose(take)}` }));
    return this.form === "ab" ? named : [...named, { ...this.order[this.hidden], title: "X" }];
  }

  get words() {
    if (this.form === "ab") return this.done ? `you prefer ${this.preferred === "neither" ? "neither" : this.preferred === "this" ? "this take" : "the approved one"}` : "Which one is better?";
    return this.done ? `${this.correct} of ${this.trials} right` : `Trial ${this.trials + 1} of ${MOST_TRIALS}: is X the same as A or as B?`;
  }

  get choices() {
    return this.form === "ab" ? [[0, "A is better"], [1, "B is better"], [null, "Neither"]] : [[0, "X is A"], [1, "X is B"]];
  }

  // 0 and 1 choose A and B; null chooses neither.
  choose(index) {
    if (this.done) return;
    if (this.form === "ab") {
      this.preferred = index === null ? "neither" : this.order[index] === this.take ? "this" : "approved";
    } else if (index !== null) {
      this.trials += 1;
      this.correct += index === this.hidden ? 1 : 0;
      this.hidden = Math.random() < 0.5 ? 0 : 1;
    }
  }

  get result() {
    const result = { form: this.form, approved_sha256: this.take.approved.sha256 };
    return this.form === "ab" ? { ...result, preferred: this.preferred } : { ...result, trials: this.trials, correct: this.correct };
  }
}

function shuffled(pair) {
  return Math.random() < 0.5 ? pair : [pair[1], pair[0]];
}
