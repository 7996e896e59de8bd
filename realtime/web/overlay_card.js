// One person on the overlay: labels in an order that never changes, so that nothing jumps.

import { element, percent, setText } from "./dom.js";
import { glyph, hue } from "./labels.js";

const FRESH_MS = 5000;
const WORDS_MS = 6000;

export class OverlayCard {
  constructor(person, hello, options) {
    this.newest = null;
    this.heard = { at: -Infinity, words: -Infinity };
    this.root = element("section", "person");
    this.root.dataset.layout = options.layout;
    this.root.setAttribute("aria-label", person);
    this.root.hidden = true;
    const labels = hello.labels.filter((label) => options.labels === null || options.labels.includes(label));
    this.lines = labels.map((label) => new Line(label, hello));
    const list = element("ul", "labels");
    list.append(...this.lines.map((line) => line.root));
    this.list = list;
    this.note = element("p", "note");
    this.words = element("p", "words");
    this.words.hidden = true;
    if (options.person === null) this.root.append(element("h2", "", person));
    this.root.append(list, this.note, this.words);
  }

  estimate(message, now) {
    if (message.final && this.newest && this.newest.t1_s > message.t1_s) return;
    this.newest = message;
    this.heard.at = now;
  }

  say(message, now) {
    this.heard.words = now;
    setText(this.words, [message.text, message.pending].filter(Boolean).join(" "));
  }

  draw(now) {
    const fresh = this.newest !== null && now - this.heard.at < FRESH_MS;
    this.words.hidden = now - this.heard.words > WORDS_MS || this.words.textContent === "";
    this.root.hidden = !fresh && this.words.hidden;
    if (this.root.hidden) return;
    const message = fresh ? this.newest : null;
    const thin = message === null || message.abstained;
    const there = this.lines.map((line) => line.show(thin ? null : message)).some(Boolean);
    this.list.hidden = thin;
    this.note.hidden = there || (!thin && this.root.dataset.layout === "bars");
    setText(this.note, thin ? "not enough evidence" : "nothing above its threshold");
  }
}

class Line {
  constructor(label, hello) {
    const index = hello.labels.indexOf(label);
    this.label = label;
    this.root = element("li", "label");
    this.root.dataset.hue = hue(label, index);
    this.fill = element("span", "fill");
    const tick = element("span", "tick");
    tick.style.left = percent(hello.thresholds[label]);
    const bar = element("span", "bar");
    bar.append(this.fill, tick);
    this.value = element("span", "value");
    this.root.append(glyph(label, index), element("span", "", label), bar, this.value);
  }

  // Shows the label's probability; returns whether it counts as present.
  show(message) {
    const probability = message?.probabilities[this.label] ?? 0;
    const active = message !== null && message.active.includes(this.label);
    this.fill.style.transform = `scaleX(${probability})`;
    setText(this.value, percent(probability));
    this.root.classList.toggle("active", active);
    return active;
  }
}
