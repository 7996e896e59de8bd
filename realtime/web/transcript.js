// The conversation: the words of each utterance, which of them may still change, and the labels found in it.

import { clock, element, percent, setText } from "./dom.js";
import { glyph, hue } from "./labels.js";

const MAX_UTTERANCES = 500;
const NEAR_END_PX = 40;

export class Conversation {
  // `names` says what people are called. `onSeek(t)` is called when a time is chosen. `onWrong`, when set, is called
  // with a person and an estimate.
  constructor(root, hello, names, onSeek = () => {}) {
    this.root = root;
    this.hello = hello;
    this.names = names;
    this.wanted = "";
    this.onSeek = onSeek;
    this.onWrong = null;
    this.entries = new Map();
    this.following = true;
    this.changed = true;
    this.current = null;
    root.replaceChildren();
    root.onscroll = () => {
      this.following = root.scrollHeight - root.scrollTop - root.clientHeight < NEAR_END_PX;
    };
  }

  utterance(message) {
    this.entry(message.id, message.t0_s).who(message);
  }

  transcript(message) {
    this.entry(message.utterance, message.t0_s).words(message);
  }

  estimate(message) {
    const known = message.utterance !== null && (message.final || this.entries.has(message.utterance));
    if (known) this.entry(message.utterance, message.t0_s).finding(message);
  }

  correction(message) {
    this.entries.get(message.estimate)?.corrected(message);
  }

  // People are called otherwise.
  called() {
    for (const entry of this.entries.values()) entry.called();
  }

  // Leaves only the utterances whose words, speaker or labels have all of `words`. Returns how many there are.
  search(words) {
    this.wanted = words.trim().toLowerCase();
    let found = 0;
    for (const entry of this.entries.values()) found += entry.match(this.wanted) ? 1 : 0;
    return found;
  }

  entry(id, start) {
    this.changed = true;
    let entry = this.entries.get(id);
    if (!entry) {
      entry = new Entry(start, this);
      this.entries.set(id, entry);
      let next = this.root.lastElementChild;
      while (next && Number(next.dataset.start) > start) next = next.previousElementSibling;
      this.root.insertBefore(entry.root, next ? next.nextElementSibling : this.root.firstElementChild);
      if (this.entries.size > MAX_UTTERANCES) this.forgetOldest();
    }
    return entry;
  }

  forgetOldest() {
    const [id, entry] = this.entries.entries().next().value;
    entry.root.remove();
    this.entries.delete(id);
  }

  // Shows the utterance of the moment `at`, or follows the newest words unless the reader has scrolled back.
  draw(at, live) {
    if (live) {
      this.point(null);
      if (this.following && this.changed) this.root.scrollTop = this.root.scrollHeight;
      this.changed = false;
      return;
    }
    let found = null;
    for (const entry of this.entries.values()) {
      if (entry.start <= at && (found === null || entry.start > found.start)) found = entry;
    }
    if (this.point(found) && found) this.root.scrollTop = found.root.offsetTop - this.root.offsetTop;
  }

  point(entry) {
    if (entry === this.current) return false;
    this.current?.root.removeAttribute("aria-current");
    entry?.root.setAttribute("aria-current", "true");
    this.current = entry;
    this.changed = true;
    return true;
  }
}

class Entry {
  constructor(start, conversation) {
    this.start = start;
    this.conversation = conversation;
    this.hello = conversation.hello;
    this.estimate = null;
    this.root = element("li", "utterance open");
    this.root.dataset.start = start;
    this.speaker = element("span", "speaker");
    this.language = element("span", "language");
    this.language.hidden = true;
    this.time = element("button", "time", clock(start));
    this.time.type = "button";
    this.time.title = "look back to this moment";
    this.time.addEventListener("click", () => conversation.onSeek(this.end ?? this.start));
    this.committed = element("span", "committed");
    this.pending = element("span", "pending");
    this.pending.title = "may still change";
    this.note = element("span", "listening", "listening …");
    this.findings = element("ul", "findings");
    const meta = element("div", "meta");
    this.meta = meta;
    meta.append(this.speaker, this.time, this.language);
    const text = element("p");
    text.append(this.committed, this.pending, this.note);
    this.root.append(meta, text, this.findings);
  }

  who(message) {
    this.person = message.person;
    this.called();
    setText(this.time, clock(message.t0_s));
    this.end = message.t1_s;
    if (message.final) this.root.classList.remove("open");
  }

  called() {
    setText(this.speaker, this.conversation.names.of(this.person));
  }

  match(wanted) {
    const words = [this.speaker, this.committed, this.pending, this.findings].map((node) => node.textContent).join(" ").toLowerCase();
    const found = wanted.split(/\s+/).every((word) => words.includes(word));
    this.root.hidden = !found;
    return found;
  }

  words(message) {
    this.person = message.person;
    this.called();
    setText(this.committed, message.text && message.pending ? `${message.text} ` : message.text);
    setText(this.pending, message.pending);
    const nothing = !message.text && !message.pending;
    this.note.hidden = !nothing;
    const rejected = message.rejected ? `no words: ${message.rejected}` : "no words recognised";
    setText(this.note, message.final ? rejected : "listening …");
    this.spoken = Boolean(message.text);
    this.tongue(message);
    if (this.conversation.wanted) this.match(this.conversation.wanted);
  }

  // The language of the words, how certain it is, and why the estimate does not rest on them.
  tongue({ language, language_probability: certainty }) {
    this.language.hidden = !language;
    if (!language) return;
    setText(this.language, certainty === null || certainty === undefined ? language : `${language} ${percent(certainty)}`);
    this.language.title = "language of the words";
    this.committed.lang = language;
    this.pending.lang = language;
  }

  // A rolling estimate is shown as such; the final one takes its place and stays.
  finding(message) {
    if (this.estimate?.final && !message.final) return;
    const state = [message.final, message.abstained, message.active].join();
    const same = !message.final && state === this.state;
    this.estimate = message;
    this.state = state;
    this.findings.classList.toggle("rolling", !message.final);
    const unused = message.final && this.spoken ? message.missing?.text : undefined;
    if (unused) {
      this.note.hidden = false;
      setText(this.note, ` (words not used: ${unused})`);
    }
    if (!same) this.findings.replaceChildren(...this.found(message));
    if (message.final && this.conversation.onWrong) this.offer();
  }

  found(message) {
    if (message.abstained) return [element("li", "finding none", "not enough evidence")];
    if (message.active.length === 0) return [element("li", "finding none", "no label above its threshold")];
    const { probabilities, active } = message;
    const strongest = [...active].sort((a, b) => (probabilities[b] ?? 0) - (probabilities[a] ?? 0));
    return strongest.map((label) => {
      const index = this.hello.labels.indexOf(label);
      const share = message.final ? ` ${percent(probabilities[label] ?? 0)}` : "";
      const node = element("li", "finding");
      node.append(glyph(label, index), document.createTextNode(`${label}${share}`));
      node.dataset.hue = hue(label, index);
      return node;
    });
  }

  // A button to call the final estimate wrong.
  offer() {
    if (this.wrong || !this.estimate?.final) return;
    this.wrong = element("button", "quiet", "Wrong?");
    this.wrong.type = "button";
    this.wrong.setAttribute("aria-label", `The estimate at ${clock(this.start)} is wrong`);
    this.wrong.addEventListener("click", () => {
      const { person, id, t1_s, active } = this.estimate;
      this.conversation.onWrong?.(person, { id, t: t1_s, active: this.hello.labels.map((l) => active.includes(l)) });
    });
    this.meta.append(this.wrong);
  }

  withdraw() {
    this.wrong?.remove();
    this.wrong = null;
  }

  corrected(message) {
    const said = message.labels === null ? "wrong" : `right: ${message.labels.join(", ") || "none of the labels"}`;
    this.said ??= this.root.appendChild(element("p", "corrected"));
    setText(this.said, `✎ called ${said}`);
  }
}
