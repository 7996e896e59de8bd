// One panel per person: the last minute of every label, the values of one moment, and what these rest on.

import { SPAN_S } from "./chart.js";
import { Panel } from "./panel.js";

const KEPT_S = 1800;
const MAX_KEPT = 18000;
const MAX_PEOPLE = 12;
const MAX_MARKS = 500;

export class People {
  // `onResize` is called when a panel has to be drawn anew.
  constructor(root, hello, onResize = () => {}) {
    this.root = root;
    this.hello = hello;
    this.onResize = onResize;
    this.capacity = Math.min(MAX_KEPT, Math.ceil(KEPT_S / hello.hop_s));
    this.panels = new Map();
    this.marks = [];
    this.onWrong = null;
    root.replaceChildren();
  }

  panel(person) {
    let panel = this.panels.get(person);
    if (!panel) {
      if (this.panels.size >= MAX_PEOPLE) this.forgetOneWhoLeft();
      panel = new Panel(person, this);
      this.panels.set(person, panel);
      this.root.append(panel.root);
    }
    return panel;
  }

  forgetOneWhoLeft() {
    const [person, panel] = [...this.panels].sort((a, b) => a[1].lastSeen() - b[1].lastSeen())[0];
    panel.root.remove();
    this.panels.delete(person);
  }

  estimate(message) {
    this.panel(message.person).add(message);
  }

  utterance(message) {
    for (const panel of this.panels.values()) panel.speech.delete(message.id);
    this.panel(message.person).spoke(message);
  }

  mark(t) {
    this.marks.push({ t });
    if (this.marks.length > MAX_MARKS) this.marks.shift();
  }

  // Draws the moment `at`; returns the people of whom nothing was known for a minute.
  draw(at, live) {
    const away = [];
    for (const [person, panel] of this.panels) {
      const known = panel.lastSeen() >= at - SPAN_S && panel.firstSeen <= at;
      if (panel.root.hidden === known) panel.root.hidden = !known;
      if (known) panel.draw(at, live);
      else away.push(person);
    }
    return away;
  }
}
