// How the page says things: labels as adjectives, one word for how sure an estimate is, and what people are called.

import { percent } from "./dom.js";

const ADJECTIVES = {
  anger: "angry",
  disgust: "disgusted",
  fear: "afraid",
  happiness: "happy",
  sadness: "sad",
  surprise: "surprised",
  neutral: "neutral",
};
const SURE = 0.7;
const FAIRLY_SURE = 0.5;
const UNKNOWN = "unknown";
const NUMBERED = /^p(\d+)$/;
const VOICE = /^v(\d+)$/;

export const MODALITY_NAMES = { text: "words", audio: "voice", visual: "face" };

export function adjective(label) {
  return ADJECTIVES[label] ?? label;
}

// "voice says anger, words do not", of a disagreement.
export function contradicted({ high, low, label }) {
  const verb = high === "text" ? "say" : "says";
  return `${MODALITY_NAMES[high]} ${verb} ${label}, ${MODALITY_NAMES[low]} ${low === "text" ? "do" : "does"} not`;
}

// The one word for certainty. `certainty` is the probability of a label times the evidence behind it.
export function sureness(certainty) {
  if (certainty >= SURE) return "sure";
  return certainty >= FAIRLY_SURE ? "fairly sure" : "unsure";
}

// "44 %, unsure", of the label with the probability `value` in an estimate whose strongest label has `strongest`.
export function sure(value, confidence, strongest) {
  const evidence = strongest > 0 ? confidence / strongest : 0;
  return `${percent(value)}, ${sureness(value * evidence)}`;
}

// What somebody is called where nobody has given a name.
export function spokenName(person) {
  if (person === UNKNOWN) return "Somebody";
  if (person === "me") return "Me";
  if (person === "them") return "Them";
  const found = NUMBERED.exec(person);
  if (found) return `Person ${found[1]}`;
  const voice = VOICE.exec(person);
  return voice ? `Voice ${voice[1]}` : person;
}

// Names that people have been given, for everything that shows one. `set` tells whether anything has changed.
export class Names {
  constructor() {
    this.given = new Map();
  }

  of(person) {
    return this.given.get(person) ?? spokenName(person);
  }

  set(person, name) {
    const before = this.of(person);
    if (name) this.given.set(person, name);
    else this.given.delete(person);
    return this.of(person) !== before;
  }
}

// "Person 2" before "Person 10".
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
export const naturally = (a, b) => collator.compare(a, b);

// What was found: labels with their probabilities, most probable first, and whether they count as present.
export function findings(values, active, labels) {
  const there = labels.map((label, index) => ({ label, index, value: values[index], present: active[index] }));
  there.sort((a, b) => b.value - a.value);
  const present = there.filter((each) => each.present);
  return present.length ? present : there.slice(0, 1);
}
