// The state of the run: devices, what is left out under load, how far it is behind, and the delay of estimates.

import { clock, element, setText } from "./dom.js";

const KEPT = 200;
const REDRAW_MS = 1000;
const MUTED = "muted";

export class RunHealth {
  // `parts` has the elements for the list of devices, the load and the delay.
  constructor(parts, hello) {
    this.parts = parts;
    this.devices = new Map(hello.streams.map((stream) => [stream.name, new Device(stream)]));
    this.delays = [];
    this.stages = null;
    this.drawn = -Infinity;
    parts.devices.replaceChildren(...[...this.devices.values()].map((device) => device.root));
    this.load = { text: "Everything is computed.", level: "info" };
    this.late("");
    setText(parts.delay, "No estimate yet.");
    setText(parts.stages, "");
  }

  muted(kind) {
    const all = [...this.devices.values()].filter((device) => device.kind === kind);
    return all.length > 0 && all.every((device) => device.reason === MUTED);
  }

  // `behind` says how late the run is, "" when it is on time.
  late(behind) {
    this.behind = behind;
    const { text, level } = this.load;
    this.parts.load.dataset.level = behind ? "warning" : level;
    setText(this.parts.load, behind ? `${text} The run is ${behind}.` : text);
  }

  // Nothing is captured any more.
  close() {
    for (const device of this.devices.values()) device.set("closed", "closed");
  }

  status(message) {
    if (message.code === "capture" && message.value === "off") this.close();
    if (message.code === "load_step") {
      this.load = { text: `${message.message[0].toUpperCase()}${message.message.slice(1)}.`, level: message.level };
      this.late(this.behind);
    }
    this.devices.get(message.stream)?.change(message);
  }

  estimate({ stages }) {
    this.stages = stages;
    this.delays.push((stages.sent_s ?? stages.fused_s) - stages.captured_s);
    if (this.delays.length > KEPT) this.delays.shift();
  }

  draw() {
    const now = performance.now();
    if (this.stages === null || now - this.drawn < REDRAW_MS) return;
    this.drawn = now;
    const sorted = [...this.delays].sort((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    const last = this.stages.sent_s === null ? "fused" : "sent";
    const figures = `${ms(at(0.5))} in the middle, ${ms(at(0.95))} at most for 95 of 100`;
    const clockwork = this.stages.sent_s === null ? "In the time of the recording, from" : "From";
    setText(this.parts.delay, `${clockwork} the newest input to ${last}: ${figures}.`);
    const { captured_s: start, voice_s, words_s, encoded_s, fused_s, sent_s } = this.stages;
    const named = { speech: voice_s, words: words_s, encoded: encoded_s, fused: fused_s, sent: sent_s };
    const there = Object.entries(named).filter(([, t]) => t !== null);
    const words = there.map(([name, t]) => `${name} ${t < start ? `${ms(start - t)} before` : `+${ms(t - start)}`}`);
    setText(this.parts.stages, `Newest estimate, from its newest input: ${words.join(", ")}.`);
  }
}

class Device {
  constructor({ name, kind, person }) {
    this.kind = kind;
    this.reason = null;
    this.root = element("li", "device");
    this.words = element("span", "empty");
    this.clock = element("span", "empty");
    const whose = person ? `${kind}, ${person}` : kind;
    this.sign = element("span", "sign");
    this.root.append(this.sign, element("strong", "", name), element("span", "empty", whose), this.words, this.clock);
    this.set("works", "works");
  }

  set(state, words) {
    this.root.dataset.state = state;
    setText(this.sign, { works: "●", starting: "◌", missing: "✕", hole: "▲", closed: "■" }[state]);
    setText(this.words, words);
  }

  change({ code, value, message, t_s }) {
    if (code === "modality_missing") {
      this.reason = value;
      this.set(value === "starting" ? "starting" : "missing", message);
    } else if (code === "modality_back") {
      this.reason = null;
      this.set("works", "works again");
    } else if (code === "gap" && this.reason === null) {
      this.set("hole", `${clock(t_s)} ${message}`);
    } else if (code === "source_fault") {
      this.set("missing", message);
    } else if (code === "clock") {
      setText(this.clock, `clock ${value} ms`);
    }
  }
}

function ms(seconds) {
  return seconds < 10 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`;
}
