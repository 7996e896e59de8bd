// Behind a person's "details": a lane per label with thresholds, bars of the moment, and what each modality says alone.
// It is drawn while it is open.

import { Bars } from "./bars.js";
import { Chart } from "./chart.js";
import { clock, element, percent, setText } from "./dom.js";
import { glyph } from "./labels.js";
import { PeerTable } from "./peers.js";
import { spanOf } from "./ribbon.js";

export class Details {
  // `onOpen` is called when there is something to be drawn.
  constructor(hello, hues, onOpen) {
    const { labels, thresholds } = hello;
    this.hello = hello;
    this.chart = new Chart(hello, hues, onOpen);
    this.bars = new Bars(hello, hues, onOpen);
    this.table = new PeerTable(hello);
    this.rows = labels.map((label, index) => new Row(label, index, hues[index], thresholds[label]));
    const lanes = element("div", "lanes");
    lanes.style.setProperty("--labels", labels.length);
    const names = element("ul", "names");
    names.setAttribute("aria-label", "probabilities");
    names.append(...this.rows.map((row) => row.root));
    const foot = element("span", "foot");
    foot.append(element("span", "", "certainty"), element("span", "", "speech"));
    lanes.append(names, this.chart.canvas.node, this.bars.canvas.node, foot);
    this.root = element("details", "more");
    this.root.append(element("summary", "", "Details"), lanes, this.scale(), this.table.root);
    this.root.addEventListener("toggle", onOpen);
  }

  scale() {
    const scale = element("div", "scale");
    this.times = [element("span"), element("span"), element("span")];
    scale.append(...this.times);
    return scale;
  }

  draw(past, reading, affect, at, live) {
    if (!this.root.open) return;
    this.chart.draw(past, at);
    this.bars.draw(reading);
    scaleOf(at, live).forEach((name, index) => setText(this.times[index], name));
    this.rows.forEach((row, index) => row.show(reading, index));
    this.table.draw(reading, affect);
  }
}

// What stands below a chart that ends at `at`: its begin, its middle and its end.
export function scaleOf(at, live) {
  const span = spanOf(at);
  if (live) return [`−${span} s`, `−${Math.round(span / 2)} s`, "now"];
  return [span, span / 2, 0].map((s) => (at < s ? "" : clock(at - s)));
}

class Row {
  constructor(label, index, colour, threshold) {
    this.root = element("li", "row");
    this.root.dataset.hue = colour;
    const name = element("span", "label");
    name.append(glyph(label, index), element("span", "", label));
    this.value = element("span", "value", "–");
    this.there = element("span", "unseen", "");
    this.root.title = `threshold ${percent(threshold)}`;
    for (const node of [name, this.value, this.there]) node.style.gridRow = index + 1;
    this.root.append(name, this.value, this.there);
  }

  show(reading, index) {
    const active = reading !== null && reading.active[index] && !reading.abstained;
    setText(this.value, reading ? percent(reading.values[index]) : "–");
    if (active === this.active) return;
    this.active = active;
    this.root.classList.toggle("active", active);
    setText(this.there, active ? "present" : "");
  }
}
