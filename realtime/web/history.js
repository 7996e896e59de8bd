// The past of one person in bounded memory: numbers in rings of typed arrays, from which a moment is read back.
//
// Probabilities are kept as the feed sends them, in steps of 0.0001.

export const MODALITIES = ["text", "audio", "visual"];

const STEPS = 10000;
const NOT_THERE = 65535;

export class History {
  // Remembers the `capacity` newest estimates.
  constructor(labels, capacity) {
    this.labels = labels;
    this.capacity = capacity;
    this.added = 0;
    this.t = new Float64Array(capacity);
    this.values = new Uint16Array(capacity * labels.length);
    this.peers = new Uint16Array(capacity * labels.length * MODALITIES.length);
    this.low = new Uint16Array(capacity * labels.length);
    this.high = new Uint16Array(capacity * labels.length);
    this.shares = new Uint16Array(capacity * MODALITIES.length);
    this.sure = new Uint16Array(capacity);
    this.present = new Uint32Array(capacity);
    this.thin = new Uint8Array(capacity);
    this.holes = new Map(); // number -> a longer pause than usual before it that is none: thinned-out estimates
    this.ids = new Array(capacity).fill("");
    this.reasons = new Array(capacity).fill("{}");
  }

  get first() {
    return Math.max(0, this.added - this.capacity);
  }

  add(message) {
    const slot = this.added % this.capacity;
    const { labels } = this;
    this.t[slot] = message.t1_s;
    this.sure[slot] = message.confidence * STEPS;
    this.thin[slot] = message.abstained ? 1 : 0;
    this.present[slot] = 0;
    this.ids[slot] = this.same(this.ids, message.id);
    this.reasons[slot] = this.same(this.reasons, JSON.stringify(message.missing));
    MODALITIES.forEach((name, m) => {
      const share = message.attribution[name];
      this.shares[slot * MODALITIES.length + m] = message.modalities.includes(name) ? (share ?? 0) * STEPS : NOT_THERE;
    });
    labels.forEach((label, index) => {
      const at = slot * labels.length + index;
      this.values[at] = Math.round((message.probabilities[label] ?? 0) * STEPS);
      if (message.active.includes(label)) this.present[slot] |= 1 << index;
      this.addPeers(message.peers, label, at);
    });
    this.added += 1;
  }

  addPeers(peers, label, at) {
    let low = this.values[at];
    let high = low;
    MODALITIES.forEach((name, m) => {
      const said = peers[name]?.[label];
      const value = said === undefined ? NOT_THERE : Math.round(said * STEPS);
      this.peers[at * MODALITIES.length + m] = value;
      if (value === NOT_THERE) return;
      low = Math.min(low, value);
      high = Math.max(high, value);
    });
    this.low[at] = low;
    this.high[at] = high;
  }

  // Puts estimates before all that are kept, as far as there is room: numbers as `add` keeps them, in the order of
  // their times, `step` seconds apart. What the modalities said alone is not known of them.
  prepend({ t, values, present, sure, thin, step }) {
    const start = this.added ? this.time(this.first) : Infinity;
    const kept = [...Array(this.added - this.first).keys()].map((i) => this.raw(this.first + i));
    const room = this.capacity - kept.length;
    const earlier = t.map((at, i) => ({ at, i })).filter(({ at }) => at < start).slice(-room);
    this.added = 0;
    this.holes.clear();
    const none = { peers: NOT_THERE, shares: NOT_THERE };
    for (const { at, i } of earlier) {
      this.holes.set(this.added, 1.5 * step);
      this.put({ t: at, values: values[i], low: values[i], high: values[i], sure: sure[i], present: present[i], thin: thin[i], id: "", reason: "{}" }, none);
    }
    if (kept.length) this.holes.set(this.added, 1.5 * step);
    for (const each of kept) this.put(each, each);
  }

  raw(number) {
    const slot = number % this.capacity;
    const part = (array, width) => array.slice(slot * width, (slot + 1) * width);
    const n = this.labels.length;
    const lists = { values: part(this.values, n), low: part(this.low, n), high: part(this.high, n) };
    const more = { peers: part(this.peers, n * MODALITIES.length), shares: part(this.shares, MODALITIES.length) };
    const single = { t: this.t[slot], sure: this.sure[slot], present: this.present[slot], thin: this.thin[slot] };
    return { ...lists, ...more, ...single, id: this.ids[slot], reason: this.reasons[slot] };
  }

  put(entry, { peers, shares }) {
    const slot = this.added % this.capacity;
    const n = this.labels.length;
    for (const name of ["t", "sure", "present", "thin"]) this[name][slot] = entry[name];
    for (const name of ["values", "low", "high"]) this[name].set(entry[name], slot * n);
    const width = n * MODALITIES.length;
    if (peers === NOT_THERE) this.peers.fill(NOT_THERE, slot * width, (slot + 1) * width);
    else this.peers.set(peers, slot * width);
    const shared = [slot * MODALITIES.length, (slot + 1) * MODALITIES.length];
    if (shares === NOT_THERE) this.shares.fill(NOT_THERE, ...shared);
    else this.shares.set(shares, shared[0]);
    this.ids[slot] = entry.id;
    this.reasons[slot] = entry.reason;
    this.added += 1;
  }

  // The text that was kept last if it is the same: a long run keeps few copies.
  same(texts, text) {
    const last = this.added ? texts[(this.added - 1) % this.capacity] : "";
    return last === text ? last : text;
  }

  // Number of the newest estimate that is not after `t`, -1 when there is none.
  find(t) {
    let number = this.added - 1;
    while (number >= this.first && this.t[number % this.capacity] > t) number -= 1;
    return number >= this.first ? number : -1;
  }

  time(number) {
    return this.t[number % this.capacity];
  }

  id(number) {
    return this.ids[number % this.capacity];
  }

  // One estimate as it was said.
  read(number) {
    const slot = number % this.capacity;
    const { labels } = this;
    const base = slot * labels.length;
    const said = (index, m) => {
      const value = this.peers[(base + index) * MODALITIES.length + m];
      return value === NOT_THERE ? null : value / STEPS;
    };
    const share = (m) => this.shares[slot * MODALITIES.length + m];
    return {
      t: this.t[slot],
      id: this.ids[slot],
      values: labels.map((_, index) => this.values[base + index] / STEPS),
      active: labels.map((_, index) => Boolean(this.present[slot] & (1 << index))),
      peers: labels.map((_, index) => MODALITIES.map((_, m) => said(index, m))),
      shares: MODALITIES.map((_, m) => (share(m) === NOT_THERE ? null : share(m) / STEPS)),
      missing: JSON.parse(this.reasons[slot]),
      confidence: this.sure[slot] / STEPS,
      abstained: this.thin[slot] === 1,
    };
  }
}
