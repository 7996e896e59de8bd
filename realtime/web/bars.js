// One bar per label: the fused probability with its threshold, and below it what each modality says alone.

import { Canvas } from "./canvas.js";
import { MODALITIES } from "./history.js";
import { colour } from "./theme.js";

const INITIALS = MODALITIES.map((name) => name[0].toUpperCase());
const LETTER_PX = 10;

export class Bars {
  constructor(hello, hues, onResize) {
    this.hello = hello;
    this.hues = hues;
    this.last = undefined;
    this.canvas = new Canvas("bars", () => (this.last === undefined ? onResize() : this.draw(this.last)));
  }

  draw(reading) {
    const { canvas } = this;
    this.last = reading;
    if (canvas.empty) return;
    canvas.clear();
    const { labels, thresholds } = this.hello;
    const lane = canvas.height / labels.length;
    labels.forEach((label, index) => this.drawBar(reading, index, lane * index + lane * 0.22, thresholds[label]));
  }

  drawBar(reading, index, top, threshold) {
    const { pen, width } = this.canvas;
    const height = 9;
    const inside = width - LETTER_PX;
    const x = (value) => LETTER_PX / 2 + value * inside;
    pen.fillStyle = colour("track");
    pen.fillRect(x(0), top, inside, height);
    if (reading) {
      pen.globalAlpha = reading.abstained ? 0.35 : reading.active[index] ? 1 : 0.6;
      pen.fillStyle = reading.abstained ? colour("soft") : colour(this.hues[index]);
      pen.fillRect(x(0), top, reading.values[index] * inside, height);
      pen.globalAlpha = 1;
      this.drawPeers(reading.peers[index], x, top + height);
    }
    pen.fillStyle = colour("ink");
    pen.fillRect(x(threshold) - 1, top - 3, 2, height + 6);
  }

  // A tick where each modality's own estimate lies, with its initial; letters that would overlap move apart.
  drawPeers(said, x, top) {
    const { pen, width } = this.canvas;
    const there = said.map((value, m) => ({ value, m })).filter(({ value }) => value !== null);
    there.sort((a, b) => a.value - b.value);
    let free = 0;
    for (const peer of there) {
      peer.at = Math.max(x(peer.value), free + LETTER_PX / 2);
      free = peer.at + LETTER_PX / 2;
    }
    const over = Math.max(0, free - width);
    pen.font = "600 9px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.fillStyle = colour("soft");
    for (const [i, { value, at, m }] of there.entries()) {
      const room = LETTER_PX * (i + 0.5);
      pen.fillRect(x(value) - 0.5, top, 1, 4);
      pen.fillText(INITIALS[m], Math.max(at - over, room), top + 5);
    }
  }
}
