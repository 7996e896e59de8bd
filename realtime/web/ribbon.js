// One person's last minute in a single ribbon: the share that each label has of all that is expressed, one above the
// other. Where there is too little evidence it is pale; where nothing is known there is nothing. Below it: speech.

import { Canvas } from "./canvas.js";
import { colour } from "./theme.js";

export const SPAN_S = 60;
const SHORTEST_S = 10;
const HOLE_HOPS = 4;
const POINT_PX = 3;
const SPEECH_PX = 6;
const THIN = 0.3;

// The time that a chart reaches over when it ends at `end`: a minute, or less while a run is young.
export function spanOf(end) {
  return Math.min(SPAN_S, Math.max(SHORTEST_S, Math.ceil(end)));
}

// Numbers of the estimates between `start` and `end`, cut where nothing was said for a while; at most `most`.
export function runsOf(history, start, end, hole, most) {
  const last = history.find(end);
  const found = [];
  if (last < 0) return found;
  let first = last;
  while (first > history.first && history.time(first) > start) first -= 1;
  const stride = Math.max(1, Math.ceil((last - first) / most));
  let run = null;
  for (let n = first; n <= last; n += 1) {
    const cut = n > first && history.time(n) - history.time(n - 1) > Math.max(hole, history.holes.get(n) ?? 0);
    if (run === null || cut) found.push((run = []));
    else if (n % stride && n !== last) continue;
    run.push(n);
  }
  return found;
}

export class Ribbon {
  constructor(hello, hues, onResize) {
    this.hello = hello;
    this.hues = hues;
    this.hole = Math.max(HOLE_HOPS * hello.hop_s, 0.5);
    this.drawn = "";
    this.last = null;
    this.canvas = new Canvas("ribbon", () => {
      this.drawn = "";
      if (this.last) this.draw(...this.last);
      else onResize();
    });
  }

  // `past` has the rolling estimates, the times of speech and the marks; the picture ends at `end`.
  draw(past, end) {
    const { canvas } = this;
    this.last = [past, end];
    if (canvas.empty) return;
    const span = spanOf(end);
    const pixel = Math.round((end / span) * canvas.width);
    const state = [pixel, past.rolling.added, past.speech.size, past.marks.length, colour("ink")].join();
    if (state === this.drawn) return;
    this.drawn = state;
    canvas.clear();
    const view = { start: end - span, end, x: (t) => ((t - end) / span + 1) * canvas.width };
    const height = canvas.height - SPEECH_PX - 2;
    const { pen } = canvas;
    pen.fillStyle = colour("track");
    pen.fillRect(0, 0, canvas.width, height);
    for (const run of runsOf(past.rolling, view.start, end, this.hole, canvas.width / POINT_PX)) {
      this.drawRun(past.rolling, run, view, height);
    }
    this.drawSpeech(past.speech, view, height + 2);
    pen.fillStyle = colour("ink");
    for (const { t } of past.marks) if (t >= view.start && t <= end) pen.fillRect(view.x(t) - 0.5, 0, 1, canvas.height);
  }

  // Stretches with the same evidence, each a stack of areas.
  drawRun(history, run, view, height) {
    let from = 0;
    while (from < run.length) {
      const thin = history.thin[run[from] % history.capacity];
      let to = from;
      while (to + 1 < run.length && history.thin[run[to + 1] % history.capacity] === thin) to += 1;
      this.drawStack(history, run.slice(from, Math.min(to + 2, run.length)), view, height, thin ? THIN : 1);
      from = to + 1;
    }
  }

  drawStack(history, run, view, height, strength) {
    const { pen } = this.canvas;
    const labels = this.hello.labels.length;
    const x = run.map((n) => view.x(history.time(n)));
    if (run.length === 1) {
      run = [run[0], run[0]];
      x.push(x[0] + POINT_PX);
    }
    const total = run.map((n) => {
      const base = (n % history.capacity) * labels;
      let sum = 0;
      for (let index = 0; index < labels; index += 1) sum += history.values[base + index];
      return sum || 1;
    });
    const low = new Float64Array(run.length).fill(height);
    pen.globalAlpha = strength;
    for (let index = labels - 1; index >= 0; index -= 1) {
      pen.fillStyle = colour(this.hues[index]);
      pen.beginPath();
      for (let i = 0; i < run.length; i += 1) pen.lineTo(x[i], low[i]);
      for (let i = run.length - 1; i >= 0; i -= 1) {
        const value = history.values[(run[i] % history.capacity) * labels + index];
        low[i] -= (value / total[i]) * height;
        pen.lineTo(x[i], low[i]);
      }
      pen.fill();
    }
    pen.globalAlpha = 1;
  }

  drawSpeech(speech, view, top) {
    const { pen, width } = this.canvas;
    pen.fillStyle = colour("track");
    pen.fillRect(0, top, width, SPEECH_PX);
    pen.fillStyle = colour("accent");
    for (const [t0, t1] of speech.values()) {
      const [from, to] = [Math.max(t0, view.start), Math.min(t1, view.end)];
      if (to > from) pen.fillRect(view.x(from), top, Math.max(2, view.x(to) - view.x(from)), SPEECH_PX);
    }
  }
}
