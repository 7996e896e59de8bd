// Lets this browser be the microphone and the camera of a session. Nothing is opened before the button is pressed.

import { ownAddress, takeToken } from "./client.js";
import { Sender } from "./sender.js";
import { byId, receive, state } from "./view.js";

const PICTURE_MS = 100;
const MAX_SIDE = 640;
const MAX_RATE_HZ = 48000;
const DONE = 4011;

const token = takeToken();
let session = null;

async function begin() {
  const wanted = { audio: byId("sound").checked, video: byId("sight").checked && { width: MAX_SIDE } };
  const media = await navigator.mediaDevices.getUserMedia(wanted);
  const context = new AudioContext();
  if (context.sampleRate > MAX_RATE_HZ) throw new Error("This microphone's rate is not understood.");
  const streams = [];
  const index = (stream) => streams.push(stream) - 1;
  const [sound, sight] = [media.getAudioTracks().length > 0, media.getVideoTracks().length > 0];
  const rate = Math.round(context.sampleRate);
  const hear = sound ? index({ name: "microphone", kind: "audio", rate_hz: rate, person: "me" }) : null;
  const see = sight ? index({ name: "camera", kind: "video", rate_hz: null, person: "me" }) : null;
  const sender = new Sender(ownAddress("/v1/ingest"), token, "browser", streams, {
    onEvent: receive,
    onAck: shown,
    onEnd: ended,
    client: "ingest page",
  });
  session = { media, context, sender, finishing: false };
  const name = await sender.open();
  session.start = performance.now();
  state("live", `Sending as ${name}`);
  if (hear !== null) await sendSound(session, hear);
  if (see !== null) await sendPictures(session, see);
}

// A piece is stamped with the time of its arrival here, less its length; the feed evens out the jitter.
async function sendSound({ media, context, sender, start }, index) {
  await context.audioWorklet.addModule("/capture.js");
  const capture = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
  capture.port.onmessage = ({ data }) => {
    const length = (data.length / context.sampleRate) * 1000;
    sender.sound(index, data, performance.now() - start - length);
    byId("level").value = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 32767;
  };
  context.createMediaStreamSource(media).connect(capture);
  await context.resume();
}

async function sendPictures(running, index) {
  const video = byId("preview");
  video.srcObject = running.media;
  await video.play();
  const canvas = document.createElement("canvas");
  const scale = Math.min(1, MAX_SIDE / Math.max(video.videoWidth, video.videoHeight));
  canvas.width = Math.round(video.videoWidth * scale);
  canvas.height = Math.round(video.videoHeight * scale);
  const pen = canvas.getContext("2d");
  running.pictures = setInterval(() => {
    pen.drawImage(video, 0, 0, canvas.width, canvas.height);
    const t = performance.now() - running.start;
    canvas.toBlob(async (blob) => running.sender.picture(index, await blob.arrayBuffer(), t), "image/jpeg", 0.85);
  }, PICTURE_MS);
}

function shown(ack) {
  const left = ack.dropped ? `, ${ack.dropped} left out` : "";
  byId("taken").textContent = `Taken in up to ${ack.t_s.toFixed(1)} s${left}.`;
}

function release() {
  clearInterval(session.pictures);
  for (const track of session.media.getTracks()) track.stop();
  session.context.close();
  byId("preview").srcObject = null;
  byId("level").value = 0;
}

function ended(code, reason) {
  if (session === null) return;
  if (!session.finishing) release();
  session = null;
  button("Start");
  state(code === DONE ? "over" : "lost", code === DONE ? "Over" : reason || "The connection was lost");
}

function button(text) {
  byId("begin").textContent = text;
  byId("begin").disabled = false;
}

async function pressed() {
  byId("begin").disabled = true;
  if (session !== null) {
    session.finishing = true;
    release();
    session.sender.finish();
    return;
  }
  try {
    await begin();
    button("Stop");
  } catch (error) {
    state("lost", error.message);
    if (session !== null) ended(0, error.message);
    button("Start");
  }
}

if (token === null) {
  state("lost", "Open the whole address that emotrack printed: it ends in #token=…");
} else {
  state("over", "Not sending");
  byId("begin").disabled = false;
  byId("begin").addEventListener("click", pressed);
}
