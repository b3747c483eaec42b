"use strict";

// Ask everybody: an event that each client acknowledges with its answer. Others get a card with buttons, the asker one
// with the answers as they arrive.

/** Tally is the asker's card. */
class Tally {
  constructor(text, choices, asked) {
    this.choices = choices;
    this.asked = asked;
    this.counts = choices.map(() => 0);
    this.bars = choices.map((c) => h("li", {}, h("span", {}, c), h("output", {}, "0"), h("i", {})));
    this.state = h("p", { class: "state" });
    this.card = h("div", { class: "card" }, h("p", { class: "question" }, text), h("ul", { class: "bars" }, ...this.bars), this.state);
    this.render();
  }

  get answered() { return this.counts.reduce((a, b) => a + b, 0); }

  /** answer counts one answer. What is no choice is not counted: any client may acknowledge with anything. */
  answer(choice) {
    if (this.counts[choice] === undefined) return;
    this.counts[choice]++;
    this.render();
  }

  /** end takes the answers that the server has collected. */
  end(answers) {
    this.counts.fill(0);
    for (const a of answers) if (this.counts[a] !== undefined) this.counts[a]++;
    this.over = true;
    this.render();
  }

  fail(reason) {
    this.over = true;
    this.render();
    this.state.textContent = reason;
  }

  render() {
    const most = Math.max(1, this.answered);
    this.bars.forEach((bar, i) => {
      bar.querySelector("output").textContent = this.counts[i];
      bar.style.setProperty("--part", this.counts[i] / most);
    });
    this.asked = Math.max(this.asked, this.answered);
    this.state.textContent = this.over ? `${this.answered} of ${this.asked} answered` : `${this.answered} of ${this.asked} answered so far`;
    this.card.classList.toggle("over", Boolean(this.over));
  }
}

/** ballot is the card of those who are asked. answer is called once, with the number of the choice. */
function ballot({ text, choices, seconds }, answer) {
  const state = h("p", { class: "state" }, "Your answer goes back to who asked.");
  const buttons = choices.map((c, i) => h("button", { type: "button", onclick: () => done(`You answered: ${c}`, i) }, c));
  const card = h("div", { class: "card" }, h("p", { class: "question" }, text), h("div", { class: "choices" }, ...buttons), state);
  const done = (words, choice) => {
    if (card.classList.contains("over")) return;
    clearTimeout(timer);
    card.classList.add("over");
    if (choice !== undefined) {
      buttons[choice].setAttribute("aria-pressed", "true");
      answer(choice);
    }
    for (const b of buttons) b.disabled = true;
    state.textContent = words;
  };
  const timer = setTimeout(() => done("Time is up."), seconds * 1000);
  return card;
}
