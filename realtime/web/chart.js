// One person's last minute: a lane per label with the fusion's line and the range of what the modalities say alone,
// then how sure the estimates are, and when there was speech.

import { Canvas } from "./canvas.js";
import { outline } from "./labels.js";
import { runsOf, spanOf } from "./ribbon.js";
import { colour } from "./theme.js";

const HOLE_HOPS = 4;
const POINT_PX = 2;
const PAD = 4;

export class Chart {
  constructor(hello, hues, onResize) {
    this.hello = hello;
    this.hues = hues;
    this.outlines = hello.labels.map((label, index) => outline(label, index));
    this.drawn = "";
    this.last = null;
    this.canvas = new Canvas("chart", () => {
      this.drawn = "";
      if (this.last) this.draw(...this.last); // at once: a canvas that changes its size loses its picture
      else onResize();
    });
    this.hole = Math.max(HOLE_HOPS * hello.hop_s, 0.5);
  }

  // `past` has the rolling and the final estimates, the times of speech and the marks; the window ends at `end`.
  draw(past, end) {
    const { canvas } = this;
    this.last = [past, end];
    if (canvas.empty) return;
    // Time that moves the picture by less than a pixel is not worth drawing it.
    const span = spanOf(end);
    const pixel = Math.round((end / span) * canvas.width);
    const state = [pixel, past.finals.added, past.marks.length, colour("ink")].join();
    if (state === this.drawn) return;
    this.drawn = state;
    canvas.clear();
    const lanes = this.hello.labels.length;
    const lane = canvas.height / (lanes + 1);
    const view = { x: (t) => ((t - end) / span + 1) * canvas.width, start: end - span, end };
    const runs = runsOf(past.rolling, view.start, end, this.hole, canvas.width / POINT_PX);
    for (let index = 0; index < lanes; index += 1) {
      this.drawLane(past, runs, index, lane * index, lane, view);
    }
    this.drawFoot(past, runs, lane * lanes, lane, view);
    this.drawMarks(past.marks, lane * lanes, view);
  }

  drawLane(past, runs, index, top, height, view) {
    const { pen } = this.canvas;
    const { rolling } = past;
    const lanes = this.hello.labels.length;
    const floor = top + height - 1;
    const scale = (height - PAD) / 10000;
    const y = (values, n) => floor - values[(n % rolling.capacity) * lanes + index] * scale;
    const hue = colour(this.hues[index]);
    this.rule(floor, colour("rule"), []);
    this.rule(floor - this.hello.thresholds[this.hello.labels[index]] * 10000 * scale, colour("faint"), [1, 4]);
    for (const run of runs) {
      const x = run.map((n) => view.x(rolling.time(n)));
      pen.fillStyle = hue;
      pen.globalAlpha = 0.22;
      pen.beginPath();
      run.forEach((n, i) => pen.lineTo(x[i], y(rolling.high, n)));
      for (let i = run.length - 1; i >= 0; i -= 1) pen.lineTo(x[i], y(rolling.low, run[i]));
      pen.fill();
      pen.globalAlpha = 1;
      this.drawPresence(rolling, run, x, index, floor, hue);
      this.drawLine(rolling, run, x, (n) => y(rolling.values, n), hue);
    }
    this.drawFinals(past.finals, index, floor, scale, view);
  }

  rule(y, stroke, dash) {
    const { pen, width } = this.canvas;
    pen.strokeStyle = stroke;
    pen.lineWidth = 1;
    pen.setLineDash(dash);
    pen.beginPath();
    pen.moveTo(0, Math.round(y) + 0.5);
    pen.lineTo(width, Math.round(y) + 0.5);
    pen.stroke();
    pen.setLineDash([]);
  }

  // A thick foot where the label counts as present.
  drawPresence(rolling, run, x, index, floor, hue) {
    const { pen } = this.canvas;
    pen.fillStyle = hue;
    for (let i = 0; i < run.length; i += 1) {
      const slot = run[i] % rolling.capacity;
      if (rolling.thin[slot] || !(rolling.present[slot] & (1 << index))) continue;
      const to = i + 1 < run.length ? x[i + 1] : x[i] + POINT_PX;
      pen.fillRect(x[i], floor - 3, to - x[i] + 0.5, 4);
    }
  }

  // Solid where there is evidence, dotted grey where there is too little.
  drawLine(rolling, run, x, y, hue) {
    const { pen } = this.canvas;
    pen.lineWidth = 1.8;
    pen.lineJoin = "round";
    let from = 0;
    while (from < run.length) {
      const thin = rolling.thin[run[from] % rolling.capacity];
      let to = from;
      while (to + 1 < run.length && rolling.thin[run[to + 1] % rolling.capacity] === thin) to += 1;
      pen.strokeStyle = thin ? colour("soft") : hue;
      pen.setLineDash(thin ? [2, 3] : []);
      pen.beginPath();
      for (let i = from; i <= Math.min(to + 1, run.length - 1); i += 1) pen.lineTo(x[i], y(run[i]));
      pen.stroke();
      from = to + 1;
    }
    pen.setLineDash([]);
  }

  drawFinals(finals, index, floor, scale, view) {
    const lanes = this.hello.labels.length;
    for (let n = finals.find(view.end); n >= finals.first && finals.time(n) >= view.start; n -= 1) {
      const slot = n % finals.capacity;
      const y = floor - finals.values[slot * lanes + index] * scale;
      const present = !finals.thin[slot] && finals.present[slot] & (1 << index);
      this.canvas.stamp(this.outlines[index], view.x(finals.time(n)), y, present ? 11 : 5, colour("ink"));
    }
  }

  drawFoot(past, runs, top, height, view) {
    const { pen, width } = this.canvas;
    const { rolling } = past;
    const middle = top + height * 0.5;
    pen.fillStyle = colour("soft");
    for (const run of runs) {
      pen.beginPath();
      pen.moveTo(view.x(rolling.time(run[0])), middle);
      for (const n of run) {
        pen.lineTo(view.x(rolling.time(n)), middle - (rolling.sure[n % rolling.capacity] / 10000) * (height * 0.5 - PAD));
      }
      pen.lineTo(view.x(rolling.time(run.at(-1))), middle);
      pen.fill();
    }
    const bar = height * 0.25;
    pen.fillStyle = colour("track");
    pen.fillRect(0, middle + bar * 0.6, width, bar);
    pen.fillStyle = colour("accent");
    for (const [t0, t1] of past.speech.values()) {
      const from = Math.min(t1, Math.max(t0, view.start));
      const to = Math.min(t1, view.end);
      if (to > from && to > view.start) {
        pen.fillRect(view.x(from), middle + bar * 0.6, Math.max(2, view.x(to) - view.x(from)), bar);
      }
    }
  }

  drawMarks(marks, height, view) {
    const { pen } = this.canvas;
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 1;
    for (const { t } of marks) {
      if (t < view.start || t > view.end) continue;
      pen.beginPath();
      pen.moveTo(view.x(t), 0);
      pen.lineTo(view.x(t), height);
      pen.stroke();
    }
  }
}
