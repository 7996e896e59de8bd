// The card of one person: picture or initial, name, one or two large words, a ribbon of the last minute, and details.

import { Details, scaleOf } from "./details.js";
import { disagreement } from "./disagreement.js";
import { element, setText } from "./dom.js";
import { Finding } from "./finding.js";
import { History } from "./history.js";
import { hue } from "./labels.js";
import { Portrait } from "./portrait.js";
import { Ribbon, SPAN_S } from "./ribbon.js";
import { contradicted } from "./words.js";

const MAX_FINALS = 500;
const MAX_SPEECH = 500;
const PAUSE_S = 0.5;
const STALE_S = 2;

export class Panel {
  constructor(person, people) {
    const { hello, capacity, marks } = people;
    Object.assign(this, { people, person, hello, marks });
    this.rolling = new History(hello.labels, capacity);
    this.finals = new History(hello.labels, MAX_FINALS);
    this.speech = new Map();
    this.open = new Set();
    this.firstSeen = Infinity;
    this.reading = null;
    this.affect = null;
    const hues = hello.labels.map((label, index) => hue(label, index));
    this.portrait = new Portrait();
    this.finding = new Finding(hello);
    this.ribbon = new Ribbon(hello, hues, people.onResize);
    this.details = new Details(hello, hues, people.onResize);
    this.build();
    this.called();
  }

  build() {
    this.root = element("article", "card person");
    this.root.dataset.person = this.person;
    const body = element("div", "body");
    body.append(this.head(), this.finding.root);
    const face = element("div", "face");
    face.append(this.portrait.root, this.finding.icons);
    const top = element("div", "top");
    top.append(face, body);
    this.contradiction = element("p", "badge");
    this.contradiction.hidden = true;
    this.times = [element("span"), element("span"), element("span")];
    const scale = element("div", "scale");
    scale.append(...this.times);
    this.root.append(top, this.ribbon.canvas.node, scale, this.contradiction, this.details.root);
  }

  head() {
    const head = element("div", "head");
    this.title = element("h2");
    this.rename = element("button", "quiet", "Rename");
    this.rename.type = "button";
    this.rename.addEventListener("click", () => this.people.onRename?.(this.person));
    this.rename.hidden = true;
    this.speaking = element("span", "speaking", "speaking");
    this.wrong = element("button", "quiet", "This is wrong …");
    this.wrong.type = "button";
    this.wrong.hidden = true;
    this.wrong.addEventListener("click", () => this.people.onWrong?.(this.person, this.reading));
    head.append(this.title, this.rename, this.speaking, this.wrong);
    return head;
  }

  // The person is called otherwise.
  called() {
    const name = this.people.names.of(this.person);
    setText(this.title, name);
    this.root.setAttribute("aria-label", name);
    this.wrong.setAttribute("aria-label", `The estimate of ${name} is wrong`);
    this.rename.setAttribute("aria-label", `Rename ${name}`);
    this.portrait.initial(name);
  }

  lastSeen() {
    const last = (history) => (history.added ? history.time(history.added - 1) : -Infinity);
    return Math.max(last(this.rolling), last(this.finals), this.lastSpoke(Infinity));
  }

  // The end of the newest speech that began before `at`.
  lastSpoke(at) {
    let newest = -Infinity;
    for (const [start, end] of this.speech.values()) if (start <= at) newest = Math.max(newest, Math.min(end, at));
    return newest;
  }

  speaksAt(at, live) {
    if (live && this.open.size > 0) return true;
    return this.lastSpoke(at) >= at - (live ? PAUSE_S : 0);
  }

  add(message) {
    const history = message.final ? this.finals : this.rolling;
    const newest = history.added ? history.time(history.added - 1) : -Infinity;
    this.firstSeen = Math.min(this.firstSeen, message.t0_s);
    if (message.t1_s < newest && !message.final) return; // the ribbon runs forward only
    history.add(message);
    this.affect = message;
    if (this.open.has(message.utterance)) this.speech.get(message.utterance)[1] = message.t1_s;
  }

  spoke(message) {
    this.firstSeen = Math.min(this.firstSeen, message.t0_s);
    this.speech.set(message.id, [message.t0_s, message.t1_s]);
    if (message.final) this.open.delete(message.id);
    else this.open.add(message.id);
    if (this.speech.size > MAX_SPEECH) this.forget(this.speech.keys().next().value);
  }

  forget(utterance) {
    this.speech.delete(utterance);
    this.open.delete(utterance);
  }

  // What was kept elsewhere of the time before the page was opened.
  remember(earlier) {
    this.rolling.prepend(earlier);
    if (this.rolling.added) this.firstSeen = Math.min(this.firstSeen, this.rolling.time(this.rolling.first));
    this.ribbon.drawn = this.details.chart.drawn = "";
  }

  // The estimate that counts at `at`: the newest, a rolling one before a final one of the same moment. Of somebody
  // of whom only later ones are known it is the first of these.
  newest(at) {
    const [rolling, final] = [this.rolling.find(at), this.finals.find(at)];
    const later = final >= 0 && (rolling < 0 || this.finals.time(final) > this.rolling.time(rolling));
    return later ? [this.finals, final] : [this.rolling, rolling];
  }

  draw(at, live) {
    const [history, number] = this.newest(at);
    this.reading = number < 0 || history.time(number) < at - SPAN_S ? null : history.read(number);
    const { reading } = this;
    const speaks = this.speaksAt(at, live);
    this.speaking.hidden = !speaks;
    this.root.classList.toggle("speaks", speaks);
    this.root.classList.toggle("stale", reading !== null && Math.round(at - reading.t) >= STALE_S);
    this.root.classList.toggle("abstained", reading?.abstained === true);
    this.finding.show(reading, at);
    this.ribbon.draw(this, at);
    scaleOf(at, live).forEach((name, index) => setText(this.times[index], name));
    const against = reading ? disagreement(history, number, this.hello.thresholds) : null;
    this.contradiction.hidden = against === null;
    if (against) setText(this.contradiction, `≠ ${contradicted(against)}`);
    const affect = this.affect && reading && this.affect.t1_s === reading.t ? this.affect : null;
    this.details.draw(this, reading, affect, at, live);
    this.wrong.hidden = this.people.onWrong === null;
    this.rename.hidden = this.people.onRename === null;
  }
}
