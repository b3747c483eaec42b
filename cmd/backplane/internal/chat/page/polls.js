"use strict";

// "Ask everybody": an event that each client acknowledges with its answer. The page that asks shows a card that counts
// the answers as they arrive. The other pages show a card with buttons.

/** Tally is the card on the page that asks. */
class Tally {
  constructor(text, choices, asked) {
    this.choices = choices;
    this.asked = asked;
    this.counts = choices.map(() => 0);
    this.bars = choices.map((c) => h("li", {}, user(c), h("output", {}, "0"), h("i", {})));
    this.status = h("p", { class: "status" });
    this.card = h("div", { class: "card" }, h("p", { class: "question", dir: "auto" }, text),
      h("ul", { class: "bars" }, ...this.bars), this.status);
    this.render();
  }

  get answered() { return this.counts.reduce((a, b) => a + b, 0); }

  /** answer counts one answer. It ignores what is not a choice: a client may acknowledge with any value. */
  answer(choice) {
    if (this.counts[choice] === undefined) return;
    this.counts[choice]++;
    this.render();
  }

  /** end shows the final answers, which the server has collected. */
  end(answers) {
    this.counts.fill(0);
    for (const a of answers) if (this.counts[a] !== undefined) this.counts[a]++;
    this.over = true;
    this.render();
  }

  fail(reason) {
    this.over = true;
    this.render();
    this.status.textContent = reason;
  }

  render() {
    const total = Math.max(1, this.answered);
    this.bars.forEach((bar, i) => {
      bar.querySelector("output").textContent = this.counts[i];
      bar.style.setProperty("--part", this.counts[i] / total);
    });
    this.asked = Math.max(this.asked, this.answered);
    this.status.textContent = `${this.answered} of ${this.asked} answered${this.over ? "" : " so far"}`;
    this.card.classList.toggle("over", Boolean(this.over));
  }
}

/** ballot returns the card of those who are asked. It calls answer at most once, with the number of the choice. */
function ballot({ text, choices, seconds }, answer) {
  const status = h("p", { class: "status" }, "Your answer goes to the one who asks.");
  const vote = (i) => {
    buttons[i].setAttribute("aria-pressed", "true");
    answer(i);
    close("You answered: ", user(choices[i]));
  };
  const buttons = choices.map((c, i) => h("button", { type: "button", dir: "auto", onclick: () => vote(i) }, c));
  const card = h("div", { class: "card" }, h("p", { class: "question", dir: "auto" }, text),
    h("div", { class: "choices" }, ...buttons), status);
  const close = (...words) => {
    clearTimeout(timer);
    card.classList.add("over");
    for (const b of buttons) b.disabled = true;
    status.replaceChildren(...words);
  };
  const timer = setTimeout(() => close("Time is up."), seconds * 1000);
  return card;
}
