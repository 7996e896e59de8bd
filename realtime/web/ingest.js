// Lets this browser be the microphone and the camera of a session. Nothing is opened before somebody has agreed to
// the notice and pressed the button; what was agreed to counts for one session.

import { ownAddress, obtainToken } from "./client.js";
import { confirmed } from "./confirm.js";
import { showNotice } from "./notice.js";
import { Sender } from "./sender.js";
import { byId, receive, state } from "./view.js";

const PICTURE_MS = 100;
const MAX_SIDE = 640;
const MAX_RATE_HZ = 48000;
const DONE = 4011;

// `undefined` when the page's one-time code was refused: then the reason is shown instead.
const token = await obtainToken().catch((error) => state("lost", error.message));
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
  video.hidden = false;
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
  if (session !== null) byId("taken").textContent = `Taken in up to ${ack.t_s.toFixed(1)} s${left}.`;
}

function release() {
  clearInterval(session.pictures);
  for (const track of session.media.getTracks()) track.stop();
  session.context.close();
  byId("preview").srcObject = null;
  byId("preview").hidden = true;
  byId("level").value = 0;
}

function ended(code, reason) {
  if (session === null) return;
  if (!session.finishing) release();
  session = null;
  askAgain();
  state(code === DONE ? "over" : "lost", code === DONE ? "Over" : reason || "The connection was lost");
}

// While it is sent from, the page shows two ways to end it; before, what has to be agreed to.
function sending(yes) {
  byId("begin").textContent = yes ? "Stop" : "Start";
  byId("withdraw").hidden = byId("level").hidden = !yes;
  byId("notice").hidden = yes;
  byId("taken").textContent = "";
}

// Consent counts for one session: the next one needs another answer.
function askAgain() {
  sending(false);
  byId("agree").checked = false;
  byId("begin").disabled = true;
}

function finish() {
  session.finishing = true;
  byId("begin").disabled = true;
  byId("withdraw").hidden = true;
  release();
}

async function pressed() {
  if (session !== null) {
    finish();
    session.sender.finish();
    return;
  }
  if (!byId("agree").checked) return;
  byId("begin").disabled = true;
  try {
    await begin();
    sending(true);
    byId("begin").disabled = false;
  } catch (error) {
    state("lost", error.message);
    if (session !== null) ended(0, error.message);
    byId("begin").disabled = !byId("agree").checked;
  }
}

async function withdraw() {
  if (session === null) return;
  finish();
  const result = await session.sender.withdraw();
  if (!result.ok) state("lost", result.message);
}

async function offer() {
  state("over", "Not sending");
  const { withheld } = await showNotice();
  if (Object.hasOwn(withheld, "visual")) {
    Object.assign(byId("sight"), { checked: false, disabled: true });
    byId("sight-name").textContent = "Camera: not used for this purpose";
  }
  byId("agree").disabled = false;
  byId("agree").addEventListener("change", () => {
    byId("begin").disabled = !byId("agree").checked;
  });
  byId("begin").addEventListener("click", pressed);
  confirmed("withdraw", "withdrawing", withdraw);
}

if (token === null) {
  state("lost", "Open the whole address that emotrack printed: it ends in #token=…");
} else if (token !== undefined) {
  offer().catch((error) => {
    byId("notice-state").textContent = error.message;
    state("lost", "Not sending");
  });
}
