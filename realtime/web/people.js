// One panel per person: seven rolling areas over the last minute, current values, what they rest on.

import { clock, element, hue, percent, setText, shape } from "./dom.js";

const SPAN_S = 60;
const WIDTH = 600;
const HEIGHT = 100;
const HOLE_HOPS = 4;
const MODALITIES = ["text", "audio", "visual"];

export class People {
  constructor(root, hello) {
    this.root = root;
    this.hello = hello;
    this.panels = new Map();
    root.replaceChildren();
  }

  panel(person) {
    let panel = this.panels.get(person);
    if (!panel) {
      panel = new Panel(person, this.hello);
      this.panels.set(person, panel);
      this.root.append(panel.root);
    }
    return panel;
  }

  estimate(message) {
    this.panel(message.person).add(message);
  }

  utterance(message) {
    for (const panel of this.panels.values()) panel.speech.delete(message.id);
    this.panel(message.person).speech.set(message.id, [message.t0_s, message.t1_s, message.final]);
  }

  // Draws what changed; returns the people of whom nothing was known for a minute.
  draw(now) {
    const away = [];
    for (const [person, panel] of this.panels) {
      panel.root.hidden = panel.lastSeen() < now - SPAN_S;
      if (panel.root.hidden) away.push(person);
      else panel.draw(now);
    }
    return away;
  }
}

class Panel {
  constructor(person, hello) {
    this.hello = hello;
    this.samples = [];
    this.finals = [];
    this.speech = new Map();
    this.newest = null;
    this.root = element("article", "card person");
    this.root.setAttribute("aria-label", person);

    const head = element("div", "head");
    this.abstained = element("span", "badge", "not enough evidence");
    this.abstained.hidden = true;
    this.confidence = element("span", "confidence");
    head.append(element("h2", "", person), this.abstained, this.confidence);

    this.chips = element("ul", "chips");
    this.chips.setAttribute("aria-label", "modalities");
    this.rows = hello.labels.map((label, index) => new Row(label, hue(label, index), hello.thresholds[label]));
    const rows = element("div", "rows");
    rows.append(...this.rows.map((row) => row.root), this.axis());
    this.details = this.peers();
    this.root.append(head, this.chips, rows, this.details);
  }

  axis() {
    const axis = element("div", "row axis");
    this.strip = shape("svg", { viewBox: `0 0 ${WIDTH} 10`, preserveAspectRatio: "none", class: "strip" });
    this.strip.setAttribute("aria-hidden", "true");
    const scale = element("div", "scale");
    scale.append(element("span", "", "−60 s"), element("span", "", "−30 s"), element("span", "", "now"));
    const cell = element("div", "plot");
    cell.append(this.strip, scale);
    axis.append(element("span", "label", "speech"), cell);
    return axis;
  }

  peers() {
    const details = element("details");
    const table = element("table");
    const head = element("tr");
    head.append(element("th"), ...["all", ...MODALITIES].map((name) => element("th", "", name)));
    this.cells = this.hello.labels.map((label) => {
      const line = element("tr");
      const cells = ["all", ...MODALITIES].map(() => element("td", "", "–"));
      line.append(element("th", "", label), ...cells);
      table.append(line);
      return cells;
    });
    table.prepend(head);
    this.extra = element("p", "empty");
    details.append(element("summary", "", "What each modality says"), table, this.extra);
    details.addEventListener("toggle", () => this.drawPeers());
    return details;
  }

  lastSeen() {
    const spoken = [...this.speech.values()].map(([, end]) => end);
    return Math.max(this.newest ? this.newest.t1_s : -Infinity, ...spoken);
  }

  add(message) {
    const sample = [message.t1_s, this.hello.labels.map((label) => message.probabilities[label] ?? 0)];
    (message.final ? this.finals : this.samples).push(sample);
    if (!message.final) {
      this.newest = message;
    } else if (!this.newest || this.newest.t1_s < message.t1_s) {
      this.newest = message;
    }
  }

  draw(now) {
    const start = now - SPAN_S;
    for (const list of [this.samples, this.finals]) while (list.length && list[0][0] < start - 1) list.shift();
    for (const [id, [, end, final]] of this.speech) if (final && end < start) this.speech.delete(id);
    const hole = Math.max(HOLE_HOPS * this.hello.hop_s, 0.5);
    const x = (t) => (((t - start) / SPAN_S) * WIDTH).toFixed(1);
    this.rows.forEach((row, index) => row.draw(this.samples, this.finals, index, x, hole));
    this.strip.replaceChildren(
      ...[...this.speech.values()].map(([t0, t1]) =>
        shape("rect", { x: x(t0), y: 2, height: 6, width: Math.max(2, ((t1 - t0) / SPAN_S) * WIDTH).toFixed(1) }),
      ),
    );
    if (this.newest) this.drawNewest(this.newest);
  }

  drawNewest(message) {
    this.rows.forEach((row) => row.show(message.probabilities[row.label] ?? 0, present(message, row.label)));
    setText(this.confidence, `confidence ${percent(message.confidence)}`);
    this.abstained.hidden = !message.abstained;
    this.root.classList.toggle("abstained", message.abstained);
    const state = JSON.stringify([message.modalities, message.missing]);
    if (state !== this.state) {
      this.state = state;
      this.chips.replaceChildren(...MODALITIES.map((name) => chip(name, message)));
    }
    this.drawPeers();
  }

  drawPeers() {
    if (!this.details.open || !this.newest) return;
    const { peers, probabilities, valence, arousal, attribution } = this.newest;
    this.hello.labels.forEach((label, row) => {
      const columns = [probabilities, ...MODALITIES.map((name) => peers[name])];
      columns.forEach((values, i) => setText(this.cells[row][i], values ? percent(values[label] ?? 0) : "–"));
    });
    const parts = MODALITIES.filter((name) => name in attribution).map((n) => `${n} ${percent(attribution[n])}`);
    let text = parts.length ? `Weight in the fusion: ${parts.join(", ")}.` : "";
    if (valence !== null && arousal !== null) {
      text += ` Valence ${valence.toFixed(2)}, arousal ${arousal.toFixed(2)}.`;
    }
    setText(this.extra, text);
  }
}

class Row {
  constructor(label, colour, threshold) {
    this.label = label;
    this.root = element("div", "row");
    this.root.dataset.hue = colour;
    const plot = element("div", "plot");
    const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" });
    svg.setAttribute("aria-hidden", "true");
    const y = HEIGHT * (1 - threshold);
    this.area = shape("path", { class: "area" });
    this.line = shape("path", { class: "line" });
    this.dots = shape("path", { class: "finals" });
    const mark = shape("line", { x1: 0, x2: WIDTH, y1: y, y2: y, class: "threshold" });
    svg.append(this.area, mark, this.line, this.dots);
    plot.append(svg);
    const bar = element("div", "bar");
    this.fill = element("span", "fill");
    const tick = element("span", "tick");
    tick.style.left = percent(threshold);
    tick.title = `threshold ${percent(threshold)}`;
    bar.append(this.fill, tick);
    this.value = element("span", "value", "–");
    this.root.append(element("span", "label", label), plot, bar, this.value);
  }

  draw(samples, finals, index, x, hole) {
    const y = (values) => (HEIGHT * (1 - values[index])).toFixed(1);
    this.dots.setAttribute("d", finals.map(([t, values]) => `M${x(t)} ${y(values)}h0`).join(""));
    let line = "";
    let area = "";
    let previous = null;
    for (const [t, values] of samples) {
      const point = `${x(t)} ${y(values)}`;
      if (previous === null || t - previous > hole) {
        if (previous !== null) area += `L${x(previous)} ${HEIGHT}Z`;
        line += `M${point}`;
        area += `M${x(t)} ${HEIGHT}L${point}`;
      } else {
        line += `L${point}`;
        area += `L${point}`;
      }
      previous = t;
    }
    if (previous !== null) area += `L${x(previous)} ${HEIGHT}Z`;
    this.line.setAttribute("d", line);
    this.area.setAttribute("d", area);
  }

  show(probability, active) {
    this.fill.style.width = percent(probability);
    setText(this.value, percent(probability));
    this.root.classList.toggle("active", active);
  }
}

function present(message, label) {
  return !message.abstained && message.active.includes(label);
}

function chip(name, message) {
  const used = message.modalities.includes(name);
  const reason = message.missing[name];
  const node = element("li", used ? "chip used" : "chip missing", name);
  if (!used) node.append(element("span", "reason", reason ? `missing: ${reason}` : "missing"));
  return node;
}
