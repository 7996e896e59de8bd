// One person at one moment: probabilities, modalities, doubts, and the chart of the minute before.

import { Bars } from "./bars.js";
import { Chart, SPAN_S } from "./chart.js";
import { disagreement } from "./disagreement.js";
import { clock, element, percent, setText } from "./dom.js";
import { History, MODALITIES } from "./history.js";
import { glyph, hue } from "./labels.js";
import { PeerTable } from "./peers.js";

const MAX_FINALS = 500;
const MAX_SPEECH = 500;
const STALE_S = 2;

export class Panel {
  constructor(person, people) {
    const { hello, capacity, marks } = people;
    this.people = people;
    this.person = person;
    this.hello = hello;
    this.rolling = new History(hello.labels, capacity);
    this.finals = new History(hello.labels, MAX_FINALS);
    this.speech = new Map();
    this.marks = marks;
    this.firstSeen = Infinity;
    this.reading = null;
    this.affect = null;
    const hues = hello.labels.map((label, index) => hue(label, index));
    this.chart = new Chart(hello, hues, people.onResize);
    this.bars = new Bars(hello, hues, people.onResize);
    this.table = new PeerTable(hello, () => this.table.draw(this.reading, this.affect));
    this.build(hues);
  }

  build(hues) {
    const { labels, thresholds } = this.hello;
    this.root = element("article", "card person");
    this.root.setAttribute("aria-label", this.person);
    this.lanes = element("div", "lanes");
    this.lanes.style.setProperty("--labels", labels.length);
    this.rows = labels.map((label, index) => new Row(label, index, hues[index], thresholds[label]));
    const names = element("ul", "names");
    names.setAttribute("aria-label", "probabilities");
    names.append(...this.rows.map((row) => row.root));
    this.lanes.append(names, this.chart.canvas.node, this.bars.canvas.node, this.foot());
    this.chips = element("ul", "chips");
    this.chips.setAttribute("aria-label", "modalities");
    this.root.append(this.head(), this.chips, this.doubt(), this.lanes, this.scale(), this.table.root);
  }

  head() {
    const head = element("div", "head");
    this.confidence = element("span", "confidence");
    this.wrong = element("button", "quiet", "This is wrong …");
    this.wrong.type = "button";
    this.wrong.setAttribute("aria-label", `The estimate of ${this.person} is wrong`);
    this.wrong.hidden = true;
    this.wrong.addEventListener("click", () => this.people.onWrong?.(this.person, this.reading));
    head.append(element("h2", "", this.person), this.confidence, this.wrong);
    return head;
  }

  // One line that is always there, so that nothing jumps when a doubt comes or goes.
  doubt() {
    const line = element("p", "doubts");
    this.abstained = element("span", "badge", "not enough evidence");
    this.contradiction = element("span", "badge");
    this.calm = element("span", "empty");
    line.append(this.abstained, this.contradiction, this.calm);
    return line;
  }

  foot() {
    const foot = element("span", "foot");
    foot.append(element("span", "", "confidence"), element("span", "", "speech"));
    return foot;
  }

  scale() {
    const scale = element("div", "scale");
    this.times = [element("span"), element("span"), element("span")];
    scale.append(...this.times);
    return scale;
  }

  lastSeen() {
    const { rolling, finals } = this;
    const last = (history) => (history.added ? history.time(history.added - 1) : -Infinity);
    let newest = Math.max(last(rolling), last(finals));
    for (const [, end] of this.speech.values()) newest = Math.max(newest, end);
    return newest;
  }

  add(message) {
    const history = message.final ? this.finals : this.rolling;
    const newest = history.added ? history.time(history.added - 1) : -Infinity;
    this.firstSeen = Math.min(this.firstSeen, message.t0_s);
    if (message.t1_s < newest && !message.final) return; // the line runs forward only
    history.add(message);
    this.affect = message;
  }

  spoke(message) {
    this.firstSeen = Math.min(this.firstSeen, message.t0_s);
    this.speech.set(message.id, [message.t0_s, message.t1_s]);
    if (this.speech.size > MAX_SPEECH) this.speech.delete(this.speech.keys().next().value);
  }

  // The estimate that counts at `at`: the newest, a rolling one before a final one of the same moment.
  newest(at) {
    const [rolling, final] = [this.rolling.find(at), this.finals.find(at)];
    const later = final >= 0 && (rolling < 0 || this.finals.time(final) > this.rolling.time(rolling));
    return later ? [this.finals, final] : [this.rolling, rolling];
  }

  draw(at, live) {
    const [history, number] = this.newest(at);
    this.reading = number < 0 || history.time(number) < at - SPAN_S ? null : history.read(number);
    this.chart.draw(this, at);
    this.bars.draw(this.reading);
    const names = live ? [`−${SPAN_S} s`, `−${SPAN_S / 2} s`, "now"] : [SPAN_S, SPAN_S / 2, 0].map((s) => (at < s ? "" : clock(at - s)));
    names.forEach((name, index) => setText(this.times[index], name));
    this.rows.forEach((row, index) => row.show(this.reading, index));
    this.drawDoubts(at, history, number);
    this.drawChips();
    const affect = this.affect && this.reading && this.affect.t1_s === this.reading.t ? this.affect : null;
    this.table.draw(this.reading, affect);
    if (this.wrong.hidden !== (this.people.onWrong === null)) this.wrong.hidden = this.people.onWrong === null;
  }

  drawDoubts(at, history, number) {
    const { reading } = this;
    const against = reading ? disagreement(history, number, this.hello.thresholds) : null;
    const thin = reading !== null && reading.abstained;
    const age = reading ? Math.round(at - reading.t) : 0;
    const stale = reading !== null && age >= STALE_S;
    const sure = reading ? `confidence ${percent(reading.confidence)}` : "no estimate";
    setText(this.confidence, stale ? `last estimate ${age} s before` : sure);
    this.root.classList.toggle("stale", stale);
    this.root.classList.toggle("abstained", thin);
    this.abstained.hidden = !thin;
    this.contradiction.hidden = against === null;
    this.calm.hidden = thin || against !== null;
    const several = reading !== null && reading.shares.filter((share) => share !== null).length > 1;
    setText(this.calm, several ? "The modalities do not contradict each other." : "");
    if (against) setText(this.contradiction, `≠ ${against.high} says ${against.label}, ${against.low} does not`);
  }

  drawChips() {
    const { shares, missing } = this.reading ?? { shares: [null, null, null], missing: {} };
    const state = JSON.stringify([shares.map((share) => share !== null), missing]);
    if (state === this.state) return;
    this.state = state;
    const { withheld = {}, purpose } = this.hello;
    const chips = MODALITIES.map((name, index) => {
      if (Object.hasOwn(withheld, name)) return chip(name, "withheld", `not used: ${purpose}`);
      if (shares[index] !== null) return chip(name, "used");
      return chip(name, "missing", missing[name] ? `missing: ${missing[name]}` : "missing");
    });
    this.chips.replaceChildren(...chips);
  }
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

function chip(name, kind, reason = "") {
  const node = element("li", `chip ${kind}`, name);
  if (reason) node.append(element("span", "reason", reason));
  return node;
}
