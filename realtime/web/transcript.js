// The conversation: who said what, what is not settled yet, and the final estimate of each utterance.

import { clock, element, hue, percent, setText } from "./dom.js";

const MAX_UTTERANCES = 500;

export class Conversation {
  constructor(root, hello) {
    this.root = root;
    this.hello = hello;
    this.entries = new Map();
    root.replaceChildren();
  }

  utterance(message) {
    this.keepAtEnd(() => this.entry(message.id, message.t0_s).who(message));
  }

  transcript(message) {
    this.keepAtEnd(() => this.entry(message.utterance, message.t0_s).words(message));
  }

  estimate(message) {
    if (!message.final || message.utterance === null) return;
    this.keepAtEnd(() => this.entry(message.utterance, message.t0_s).finding(message));
  }

  entry(id, start) {
    let entry = this.entries.get(id);
    if (!entry) {
      entry = new Entry(start, this.hello);
      this.entries.set(id, entry);
      const next = [...this.entries.values()].filter((e) => e.start > start).sort((a, b) => a.start - b.start)[0];
      this.root.insertBefore(entry.root, next ? next.root : null);
      if (this.entries.size > MAX_UTTERANCES) this.forgetOldest();
    }
    return entry;
  }

  forgetOldest() {
    const [id, entry] = this.entries.entries().next().value;
    entry.root.remove();
    this.entries.delete(id);
  }

  // Follows the newest words unless the reader has scrolled back.
  keepAtEnd(change) {
    const { root } = this;
    const atEnd = root.scrollHeight - root.scrollTop - root.clientHeight < 40;
    change();
    if (atEnd) root.scrollTop = root.scrollHeight;
  }
}

class Entry {
  constructor(start, hello) {
    this.start = start;
    this.hello = hello;
    this.root = element("li", "utterance open");
    this.speaker = element("span", "speaker");
    this.time = element("span", "time", clock(start));
    this.committed = element("span", "committed");
    this.pending = element("span", "pending");
    this.pending.title = "may still change";
    this.note = element("span", "listening", "listening …");
    this.findings = element("ul", "findings");
    const meta = element("div", "meta");
    meta.append(this.speaker, this.time);
    const text = element("p");
    text.append(this.committed, this.pending, this.note);
    this.root.append(meta, text, this.findings);
  }

  who(message) {
    setText(this.speaker, message.person);
    setText(this.time, clock(message.t0_s));
    if (message.final) this.root.classList.remove("open");
  }

  words(message) {
    setText(this.speaker, message.person);
    setText(this.committed, message.text && message.pending ? `${message.text} ` : message.text);
    setText(this.pending, message.pending);
    const nothing = !message.text && !message.pending;
    this.note.hidden = !nothing;
    setText(this.note, message.final ? "no words recognised" : "listening …");
  }

  finding(message) {
    const labels = this.hello.labels;
    if (message.abstained) {
      this.findings.replaceChildren(element("li", "finding none", "not enough evidence"));
    } else if (message.active.length === 0) {
      this.findings.replaceChildren(element("li", "finding none", "no label above its threshold"));
    } else {
      this.findings.replaceChildren(
        ...message.active.map((label) => {
          const node = element("li", "finding", `${label} ${percent(message.probabilities[label] ?? 0)}`);
          node.dataset.hue = hue(label, labels.indexOf(label));
          return node;
        }),
      );
    }
  }
}
