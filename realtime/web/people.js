// A card per person, in the order in which they matter: me, who speaks, who spoke last.

import { Panel } from "./panel.js";
import { SPAN_S } from "./ribbon.js";
import { naturally } from "./words.js";

const KEPT_S = 1800;
const MAX_KEPT = 18000;
const MAX_PEOPLE = 12;
const MAX_MARKS = 500;
const RECENT_S = 10;
const REORDER_MS = 3000;

export class People {
  // `onResize` is called when a panel has to be drawn anew; `names` says what people are called.
  constructor(root, hello, names, onResize = () => {}) {
    Object.assign(this, { root, hello, names, onResize });
    this.capacity = Math.min(MAX_KEPT, Math.ceil(KEPT_S / hello.hop_s));
    this.panels = new Map();
    this.marks = [];
    this.onWrong = null;
    this.onRename = null;
    this.ordered = -Infinity;
    root.replaceChildren();
  }

  panel(person) {
    let panel = this.panels.get(person);
    if (!panel) {
      if (this.panels.size >= MAX_PEOPLE) this.forgetOneWhoLeft();
      panel = new Panel(person, this);
      this.panels.set(person, panel);
      this.root.append(panel.root);
      this.ordered = -Infinity;
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
    for (const panel of this.panels.values()) panel.forget(message.id);
    this.panel(message.person).spoke(message);
  }

  mark(t) {
    this.marks.push({ t });
    if (this.marks.length > MAX_MARKS) this.marks.shift();
  }

  // Draws the moment `at`; returns the people of whom nothing was known for a minute.
  draw(at, live) {
    this.order(at, live);
    const away = [];
    for (const [person, panel] of this.panels) {
      const known = panel.lastSeen() >= at - SPAN_S && panel.firstSeen <= at;
      if (panel.root.hidden === known) panel.root.hidden = !known;
      if (known) panel.draw(at, live);
      else away.push(this.names.of(person));
    }
    return away.sort(naturally);
  }

  // Cards change places rarely, and never while one of them has the keyboard's focus.
  order(at, live) {
    const now = performance.now();
    if (live && now - this.ordered < REORDER_MS) return;
    if (this.root.contains(document.activeElement)) return;
    this.ordered = now;
    const rank = ([person, panel]) => {
      if (person === "me") return [2, 0];
      const silence = at - panel.lastSpoke(at);
      return silence < RECENT_S ? [1, 0] : [0, Number.isFinite(silence) ? -Math.floor(silence / RECENT_S) : -Infinity];
    };
    const ranked = [...this.panels].map((entry) => ({ entry, rank: rank(entry) }));
    ranked.sort((a, b) => {
      const [first, second] = [b.rank[0] - a.rank[0], a.rank[1] === b.rank[1] ? 0 : b.rank[1] - a.rank[1]];
      return first || second || naturally(this.names.of(a.entry[0]), this.names.of(b.entry[0]));
    });
    const wanted = ranked.map(({ entry }) => entry[1].root);
    if (wanted.some((node, index) => this.root.children[index] !== node)) this.root.append(...wanted);
  }
}
