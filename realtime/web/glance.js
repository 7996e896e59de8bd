// The conversation at a glance: who has spoken for how long, its strongest moments, and where the modalities disagree.

import { disagreementIn } from "./disagreement.js";
import { clock, element, percent, setText } from "./dom.js";
import { glyph, hue } from "./labels.js";
import { adjective, contradicted, naturally, sure } from "./words.js";

const MAX_UTTERANCES = 2000;
const MAX_MOMENTS = 5;
const MAX_DISAGREEMENTS = 3;
const MAX_SPEAKERS = 6;
const QUOTE = 80;
const REDRAW_MS = 500;
const CALM = "neutral";

export class Glance {
  // `parts` has the elements; `onSeek(t)` is called when a moment is chosen, `onChange` when this is to be drawn anew.
  constructor(parts, hello, names, onSeek, onChange) {
    Object.assign(this, { parts, hello, names, onSeek, onChange, later: null });
    this.speech = new Map(); // utterance -> { person, t0, t1, text, estimate }
    this.drawn = -Infinity;
    this.changed = true;
    this.shown = "";
  }

  said(utterance) {
    let found = this.speech.get(utterance);
    if (!found) {
      found = { person: "", t0: 0, t1: 0, text: "", estimate: null };
      this.speech.set(utterance, found);
      if (this.speech.size > MAX_UTTERANCES) this.speech.delete(this.speech.keys().next().value);
    }
    this.changed = true;
    return found;
  }

  utterance({ id, person, t0_s, t1_s, final }) {
    Object.assign(this.said(id), { person, t0: t0_s, t1: t1_s, open: !final });
  }

  transcript({ utterance, text, final }) {
    if (final) this.said(utterance).text = text;
  }

  estimate(message) {
    if (message.utterance === null) return;
    if (message.final) this.said(message.utterance).estimate = message;
    else if (this.speech.get(message.utterance)?.open) this.said(message.utterance).t1 = message.t1_s;
  }

  draw() {
    const now = performance.now();
    if (!this.changed) return;
    if (now - this.drawn < REDRAW_MS) {
      this.later ??= setTimeout(() => this.onChange(), REDRAW_MS);
      return;
    }
    this.drawn = now;
    this.later = null;
    this.changed = false;
    this.drawTalk();
    const moments = this.moments();
    const state = JSON.stringify(moments.map(({ key, words, who }) => [key, words, who]));
    this.parts.noMoments.hidden = moments.length > 0;
    if (state === this.shown || this.parts.moments.contains(document.activeElement)) return;
    this.shown = state;
    this.parts.moments.replaceChildren(...moments.map((moment) => this.entry(moment)));
  }

  drawTalk() {
    const spoken = new Map();
    for (const { person, t0, t1 } of this.speech.values()) {
      if (person) spoken.set(person, (spoken.get(person) ?? 0) + Math.max(0, t1 - t0));
    }
    const all = [...spoken.values()].reduce((sum, seconds) => sum + seconds, 0);
    const name = (person) => this.names.of(person);
    const people = [...spoken].sort((a, b) => b[1] - a[1] || naturally(name(a[0]), name(b[0])));
    const rest = people.slice(MAX_SPEAKERS);
    const bars = people.slice(0, MAX_SPEAKERS).map(([person, seconds]) => bar(name(person), seconds, all));
    if (rest.length) bars.push(bar(`${rest.length} others`, rest.reduce((sum, each) => sum + each[1], 0), all));
    this.parts.talk.replaceChildren(...bars);
  }

  // The strongest findings and the clearest disagreements, in the order of their times.
  moments() {
    const { labels, thresholds } = this.hello;
    const strong = [];
    const against = [];
    for (const [id, said] of this.speech) {
      const { estimate } = said;
      if (estimate === null || estimate.abstained) continue;
      const label = estimate.active.find((each) => each !== CALM);
      const value = estimate.probabilities[label] ?? 0;
      const top = Math.max(...Object.values(estimate.probabilities));
      const words = label && `${adjective(label)} ${sure(value, estimate.confidence, top)}`;
      if (label) strong.push({ ...said, key: id, label, weight: value * estimate.confidence, words });
      const found = disagreementIn(estimate, labels, thresholds);
      if (found === null) continue;
      against.push({ ...said, key: `${id}≠`, label: null, weight: found.by, words: contradicted(found) });
    }
    const best = (found, count) => found.sort((a, b) => b.weight - a.weight).slice(0, count);
    const chosen = [...best(strong, MAX_MOMENTS), ...best(against, MAX_DISAGREEMENTS)];
    return chosen.sort((a, b) => a.t0 - b.t0).map((each) => ({ ...each, who: this.names.of(each.person) }));
  }

  entry({ who, t0, t1, text, label, words }) {
    const item = element("li");
    const button = element("button", "moment");
    button.type = "button";
    button.title = "show this moment";
    button.addEventListener("click", () => this.onSeek(t1));
    const sign = label === null ? element("span", "against", "≠") : glyph(label, this.hello.labels.indexOf(label));
    const found = element("span", "what");
    if (label !== null) found.dataset.hue = hue(label, this.hello.labels.indexOf(label));
    found.append(sign, element("strong", "", words));
    const quote = text.length > QUOTE ? `${text.slice(0, QUOTE).trimEnd()} …` : text;
    button.append(element("span", "when", clock(t0)), found, element("span", "who", who));
    if (quote) button.append(element("q", "", quote));
    item.append(button);
    return item;
  }
}

function bar(name, seconds, all) {
  const share = all > 0 ? seconds / all : 0;
  const item = element("li");
  const track = element("span", "meter");
  const fill = element("span", "fill");
  fill.style.width = percent(share);
  track.append(fill);
  track.setAttribute("aria-hidden", "true");
  const said = element("span", "amount");
  setText(said, `${percent(share)} · ${clock(seconds)}`);
  item.append(element("span", "name", name), track, said);
  return item;
}
