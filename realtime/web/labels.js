// How a label looks: a colour and a shape, so that neither has to be told from the other by colour alone.

import { shape } from "./dom.js";

// Okabe and Ito's palette; shapes in a box of 16 by 16.
const CIRCLE = "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13Z";
const SIGNS = {
  anger: ["vermillion", "M8 1 15.5 14.5H.5Z"],
  disgust: ["green", "M8 .5 15.5 8 8 15.5.5 8Z"],
  fear: ["purple", "M.5 1.5H15.5L8 15Z"],
  happiness: ["orange", CIRCLE],
  sadness: ["blue", "M2 2H14V14H2Z"],
  surprise: ["sky", "M8 0 10.2 5.2 15.8 5.7 11.5 9.3 12.9 14.8 8 11.8 3.1 14.8 4.5 9.3.2 5.7 5.8 5.2Z"],
  neutral: ["grey", `${CIRCLE}M8 5a3 3 0 1 0 0 6a3 3 0 1 0 0-6Z`],
};

function sign(label, index) {
  return SIGNS[label] ?? Object.values(SIGNS)[Math.max(0, index) % 7];
}

export function hue(label, index) {
  return sign(label, index)[0];
}

// The label's shape as a small picture, for beside its name; the name says it to those who do not see.
export function glyph(label, index) {
  const svg = shape("svg", { viewBox: "0 0 16 16", class: "glyph", "aria-hidden": "true" });
  svg.append(shape("path", { d: sign(label, index)[1] }));
  return svg;
}

// The label's shape for a canvas.
export function outline(label, index) {
  return new Path2D(sign(label, index)[1]);
}

// A balloon for words, a microphone for the voice, a face: lines in a box of 16 by 16.
const PICTOGRAMS = {
  text: "M2 2.5H14V10.5H7L4 13.5V10.5H2ZM4.5 5.3H11.5M4.5 7.8H9.5",
  audio: "M8 1.5a2 2 0 0 1 2 2V7.5a2 2 0 0 1-4 0V3.5a2 2 0 0 1 2-2ZM3.5 7.5a4.5 4.5 0 0 0 9 0M8 12V14.5M5.5 14.5H10.5",
  visual: "M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 1 1 0-13ZM5.5 6V6.6M10.5 6V6.6M5 9.6a3.4 3.4 0 0 0 6 0",
};

export function pictogram(modality) {
  const svg = shape("svg", { viewBox: "0 0 16 16", class: "pictogram", "aria-hidden": "true" });
  svg.append(shape("path", { d: PICTOGRAMS[modality] }));
  return svg;
}
