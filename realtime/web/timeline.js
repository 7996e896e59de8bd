// The whole session in one strip, and the moment that is looked at: now, or one that was chosen.

import { Canvas } from "./canvas.js";
import { clock, setText } from "./dom.js";
import { hue, outline } from "./labels.js";
import { colour } from "./theme.js";
import { naturally } from "./words.js";

const MAX_SPANS = 1000;
const REDRAW_MS = 1000;
const SHORTEST_S = 10;
const MAX_LANES = 6;
const AXIS_PX = 14;
const TICK_PX = 56;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400];

export class Timeline {
  // `parts` has the elements: a slider, where its strip goes, a button back to now, and a line of words.
  // `names` says what people are called; `onChange` is called when another moment is to be shown.
  constructor(parts, hello, names, onChange) {
    Object.assign(this, { parts, hello, names, onChange, at: null, now: 0, drawn: -Infinity, onSeek: () => {} });
    this.spans = new Map();
    this.marks = [];
    this.people = [];
    this.canvas = new Canvas("strip", () => this.refresh());
    parts.strip.replaceChildren(this.canvas.node);
    parts.slider.oninput = () => this.seek(Number(parts.slider.value));
    parts.live.onclick = () => this.seek(null);
    this.show(null);
  }

  // Somebody has chosen the moment `t`, null for now.
  seek(t) {
    this.show(t);
    this.onSeek(this.at);
  }

  // Shows the moment `t`, null for now.
  show(t) {
    this.at = t === null || t >= this.now ? null : Math.max(0, t);
    this.refresh();
  }

  refresh() {
    this.drawn = -Infinity;
    this.onChange();
  }

  utterance(message) {
    const span = this.spans.get(message.id) ?? { label: null };
    Object.assign(span, { person: message.person, t0: message.t0_s, t1: message.t1_s, open: !message.final });
    this.spans.set(message.id, span);
    if (!this.people.includes(message.person)) this.people.push(message.person);
    if (this.spans.size > MAX_SPANS) this.spans.delete(this.spans.keys().next().value);
  }

  estimate(message) {
    const span = this.spans.get(message.utterance);
    if (span?.open) span.t1 = Math.max(span.t1, message.t1_s);
    if (span && message.final) span.label = message.abstained ? null : (message.active[0] ?? null);
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
    const last = this.over ? "Showing the end" : "Showing now";
    setText(words, live ? last : `Looking back at ${clock(this.at)}`);
    setText(button, this.over ? "To the end" : "Back to now");
    this.parts.root.classList.toggle("back", !live);
    this.drawStrip(length);
  }

  drawStrip(length) {
    const { canvas } = this;
    const people = [...this.people].sort((a, b) => naturally(this.names.of(a), this.names.of(b)));
    this.parts.strip.style.setProperty("--people", Math.min(MAX_LANES, Math.max(1, people.length)));
    if (canvas.empty) return;
    const { pen, width, height } = canvas;
    canvas.clear();
    const x = (t) => (t / length) * width;
    const room = height - AXIS_PX;
    this.drawAxis(length, x, room);
    const lane = room / Math.max(1, people.length);
    for (const { person, t0, t1, label } of this.spans.values()) {
      const top = people.indexOf(person) * lane;
      const index = this.hello.labels.indexOf(label);
      pen.fillStyle = colour(index < 0 ? "faint" : hue(label, index));
      pen.fillRect(x(t0), top + 2, Math.max(2, x(t1) - x(t0)), lane - 4);
      if (index < 0 || x(t1) - x(t0) < lane) continue;
      canvas.stamp(outline(label, index), (x(t0) + x(t1)) / 2, top + lane / 2, Math.min(10, lane - 6), colour("card"));
    }
    pen.font = "600 10px system-ui, sans-serif";
    pen.textBaseline = "middle";
    pen.textAlign = "left";
    for (const [index, person] of people.entries()) if (lane >= 12) this.drawName(this.names.of(person), (index + 0.5) * lane);
    for (const { t, kind } of this.marks) this.drawMark(x(t), kind);
    pen.fillStyle = colour("ink");
    pen.fillRect(Math.min(width - 2, x(this.at ?? this.now)), 0, 2, room);
  }

  // Whose lane it is, on a ground of its own so that it can be read over a bar.
  drawName(name, y) {
    const { pen } = this.canvas;
    const short = name.length > 20 ? `${name.slice(0, 19)}…` : name;
    pen.fillStyle = colour("card");
    pen.globalAlpha = 0.85;
    pen.fillRect(0, y - 7, pen.measureText(short).width + 6, 14);
    pen.globalAlpha = 1;
    pen.fillStyle = colour("ink");
    pen.fillText(short, 3, y);
  }

  // Times at whole seconds.
  drawAxis(length, x, top) {
    const { pen, width } = this.canvas;
    const step = STEPS.find((each) => (each / length) * width >= TICK_PX) ?? STEPS.at(-1);
    pen.font = "10px system-ui, sans-serif";
    pen.textBaseline = "bottom";
    pen.fillStyle = colour("soft");
    for (let t = 0; t <= length; t += step) {
      pen.fillRect(x(t), top, 1, 3);
      pen.textAlign = t === 0 ? "left" : x(t) > width - TICK_PX / 2 ? "right" : "center";
      pen.fillText(clock(t), x(t), top + AXIS_PX);
    }
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
