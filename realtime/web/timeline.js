// The whole session in one strip, and the moment that is looked at: now, or one that was chosen.

import { Canvas } from "./canvas.js";
import { clock, setText } from "./dom.js";
import { outline } from "./labels.js";
import { colour } from "./theme.js";

const MAX_SPANS = 1000;
const REDRAW_MS = 1000;
const SHORTEST_S = 10;

export class Timeline {
  // `parts` has the elements: a slider, where its strip goes, a button back to now, and a line of words.
  constructor(parts, hello, onChange) {
    Object.assign(this, { parts, hello, onChange, at: null, now: 0, drawn: -Infinity });
    this.spans = new Map();
    this.marks = [];
    this.people = [];
    this.canvas = new Canvas("strip", () => this.refresh());
    parts.strip.replaceChildren(this.canvas.node);
    parts.slider.oninput = () => this.seek(Number(parts.slider.value));
    parts.live.onclick = () => this.seek(null);
    this.seek(null);
  }

  seek(t) {
    this.at = t === null || t >= this.now ? null : Math.max(0, t);
    this.refresh();
  }

  refresh() {
    this.drawn = -Infinity;
    this.onChange();
  }

  utterance(message) {
    const span = this.spans.get(message.id) ?? { label: null };
    Object.assign(span, { person: message.person, t0: message.t0_s, t1: message.t1_s });
    this.spans.set(message.id, span);
    if (!this.people.includes(message.person)) this.people.push(message.person);
    if (this.spans.size > MAX_SPANS) this.spans.delete(this.spans.keys().next().value);
  }

  estimate(message) {
    const span = message.final ? this.spans.get(message.utterance) : null;
    if (span) span.label = message.abstained ? null : (message.active[0] ?? null);
  }

  mark(t, kind) {
    this.marks.push({ t, kind });
    if (this.marks.length > MAX_SPANS) this.marks.shift();
    this.drawn = -Infinity;
  }

  draw() {
    const { now } = this;
    const live = this.at === null;
    const { slider, live: button, words } = this.parts;
    const time = performance.now();
    if (time - this.drawn < REDRAW_MS) return;
    this.drawn = time;
    const length = Math.max(SHORTEST_S, Math.ceil(now));
    if (Number(slider.max) !== length) slider.max = length;
    slider.value = live ? length : this.at;
    const spoken = live ? `now, ${clock(now)}` : `${clock(this.at)}, ${Math.round(now - this.at)} seconds ago`;
    slider.setAttribute("aria-valuetext", spoken);
    button.disabled = live;
    setText(words, live ? "Showing now" : `Looking back at ${clock(this.at)}`);
    this.parts.root.classList.toggle("back", !live);
    this.drawStrip(length);
  }

  drawStrip(length) {
    const { canvas, people } = this;
    if (canvas.empty) return;
    const { pen, width, height } = canvas;
    canvas.clear();
    const x = (t) => (t / length) * width;
    const lane = (height - 8) / Math.max(1, people.length);
    for (const { person, t0, t1, label } of this.spans.values()) {
      const top = 4 + people.indexOf(person) * lane;
      const bar = Math.min(6, lane - 1);
      pen.fillStyle = colour("accent");
      pen.globalAlpha = 0.55;
      pen.fillRect(x(t0), top + lane - bar, Math.max(2, x(t1) - x(t0)), bar);
      pen.globalAlpha = 1;
      if (label === null) continue;
      const index = this.hello.labels.indexOf(label);
      const size = Math.min(10, lane);
      canvas.stamp(outline(label, index), x((t0 + t1) / 2), top + Math.max(size / 2, lane - bar - size / 2 - 1), size, colour("ink"));
    }
    for (const { t, kind } of this.marks) this.drawMark(x(t), kind);
    pen.fillStyle = colour("ink");
    pen.fillRect(Math.min(width - 2, x(this.at ?? this.now)), 0, 2, height);
  }

  drawMark(x, kind) {
    const { pen, height } = this.canvas;
    pen.strokeStyle = pen.fillStyle = colour(kind === "wrong" ? "bad" : "accent");
    pen.lineWidth = 1.5;
    pen.setLineDash(kind === "wrong" ? [2, 2] : []);
    pen.beginPath();
    pen.moveTo(x, 0);
    pen.lineTo(x, height);
    pen.stroke();
    pen.setLineDash([]);
    pen.fillRect(x, 0, 6, 5);
  }
}
