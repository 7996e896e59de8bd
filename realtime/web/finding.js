// What one person expresses at one moment, in one or two large words with a bar, how sure that is, and on what it rests.

import { element, percent, setText } from "./dom.js";
import { MODALITIES } from "./history.js";
import { glyph, hue, pictogram } from "./labels.js";
import { adjective, findings, MODALITY_NAMES, sure } from "./words.js";

const WORDS = 2;
const STALE_S = 2;

export class Finding {
  constructor(hello) {
    this.hello = hello;
    this.root = element("div", "finding-now");
    this.words = [0, 1].map(() => new Word(hello));
    this.none = element("p", "word-none");
    this.why = element("p", "why empty");
    this.root.append(...this.words.map((word) => word.root), this.none, this.why);
    this.icons = element("ul", "icons");
    this.icons.setAttribute("aria-label", "rests on");
    this.state = "";
  }

  // `reading` is what is known at the moment `at`, null where that is nothing.
  show(reading, at) {
    this.showIcons(reading);
    const age = reading ? Math.round(at - reading.t) : 0;
    const old = age >= STALE_S ? `${age} s before` : "";
    if (reading === null || reading.abstained) {
      for (const word of this.words) word.hide();
      this.none.hidden = false;
      setText(this.none, reading === null ? "nothing known" : "cannot tell");
      setText(this.why, [reading === null ? "" : `not enough evidence${because(reading)}`, old].filter(Boolean).join(", "));
      return;
    }
    const { labels, thresholds } = this.hello;
    const found = findings(reading.values, reading.active, labels).slice(0, WORDS);
    const strongest = Math.max(...reading.values);
    this.words.forEach((word, place) => {
      const each = found[place];
      if (each) word.show(each, sure(each.value, reading.confidence, strongest), thresholds[each.label]);
      else word.hide();
    });
    this.none.hidden = found[0].present;
    setText(this.none, "no clear emotion; closest:");
    setText(this.why, old ? `last estimate ${old}` : "");
  }

  showIcons(reading) {
    const { withheld = {}, purpose } = this.hello;
    this.icons.hidden = reading?.id === ""; // of curves from before the page was opened that is not known
    if (this.icons.hidden) return;
    const { shares, missing } = reading ?? { shares: [null, null, null], missing: {} };
    const state = JSON.stringify([shares.map((share) => share !== null), missing]);
    if (state === this.state) return;
    this.state = state;
    this.icons.replaceChildren(
      ...MODALITIES.map((name, m) => {
        if (Object.hasOwn(withheld, name)) return icon(name, "withheld", `not used: ${purpose}`);
        if (shares[m] !== null) return icon(name, "used", "");
        return icon(name, "missing", missing[name] ? `missing: ${missing[name]}` : "missing");
      }),
    );
  }
}

function because({ missing }) {
  const gone = Object.entries(missing).map(([name, reason]) => `${MODALITY_NAMES[name]} (${reason})`);
  return gone.length ? `; without ${gone.join(", ")}` : "";
}

class Word {
  constructor(hello) {
    this.hello = hello;
    this.root = element("div", "word");
    this.sign = element("span", "sign");
    this.name = element("strong");
    this.bar = element("span", "meter");
    this.fill = element("span", "fill");
    this.threshold = element("span", "threshold");
    this.bar.setAttribute("aria-hidden", "true");
    this.bar.append(this.fill, this.threshold);
    this.sure = element("span", "sure");
    this.root.append(this.sign, this.name, this.bar, this.sure);
    this.hide();
  }

  hide() {
    this.root.hidden = true;
  }

  show({ label, index, value, present }, certainty, threshold) {
    this.root.hidden = false;
    this.root.classList.toggle("absent", !present);
    if (this.label !== label) {
      this.label = label;
      this.root.dataset.hue = hue(label, index);
      this.sign.replaceChildren(glyph(label, index));
      setText(this.name, adjective(label));
      this.threshold.style.left = percent(threshold);
      this.root.title = `${label}; counts as present from ${percent(threshold)}`;
    }
    const width = percent(value);
    if (this.fill.style.width !== width) this.fill.style.width = width;
    setText(this.sure, certainty);
  }
}

function icon(name, kind, reason) {
  const node = element("li", `icon ${kind}`);
  const words = MODALITY_NAMES[name];
  node.title = reason ? `${words} ${reason}` : words;
  node.append(pictogram(name), element("span", kind === "used" ? "unseen" : "reason", reason ? `${words} ${reason}` : words));
  return node;
}
