// Sends sound and pictures as one session, and is told what they express. Needs nothing else, like client.js.
//
//   const streams = [{ name: "microphone", kind: "audio", rate_hz: 48000, person: "me" }];
//   const sender = new Sender(ownAddress("/v1/ingest"), token, "my page", streams, { onEvent: show });
//   await sender.open();
//   sender.sound(0, samples, milliseconds);

const HEADER_BYTES = 16;
const VERSION = 1;
const MISSING_BEFORE = 1;
const MOST_WAITING_PICTURES = 256 * 1024;
const MOST_WAITING_SOUND = 4 * 1024 * 1024;
const ANNOUNCEMENTS = new Set(["snapshot", "replay", "pong"]); // they have a `seq` too

export class Sender {
  // `onEvent(message)` gets the session's events, `onAck(message)` how far the feed has come with each stream,
  // `onEnd(code, reason)` the end: 4011 when all is worked off.
  constructor(url, token, source, streams, { onEvent, onAck = () => {}, onEnd = () => {}, client = "" }) {
    this.url = url;
    this.identify = { type: "identify", protocol: "1.0", token, client, ingest: { source, streams } };
    this.onEvent = onEvent;
    this.onAck = onAck;
    this.onEnd = onEnd;
    this.numbers = streams.map(() => 0);
    this.missing = streams.map(() => false);
    this.session = null;
    this.quiet = false;
    this.asked = null;
  }

  // Resolves to the session's name. Rejects with the reason when the feed does not let this client in.
  open() {
    this.socket = new WebSocket(this.url);
    return new Promise((resolve, reject) => {
      this.entered = resolve;
      this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
      this.socket.addEventListener("close", (event) => {
        reject(new Error(event.reason || "The server does not answer."));
        this.onEnd(event.code, event.reason);
      });
    });
  }

  // `samples` is an Int16Array, `t` milliseconds since the start of the session of the first one.
  sound(stream, samples, t) {
    const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
    this.send(stream, bytes, t, MOST_WAITING_SOUND);
  }

  // `jpeg` is an ArrayBuffer.
  picture(stream, jpeg, t) {
    this.send(stream, new Uint8Array(jpeg), t, MOST_WAITING_PICTURES);
  }

  // Take consent back: nothing is sent from now on. Resolves to the `result`; `onEvent` still gets what is said.
  withdraw() {
    this.quiet = true;
    this.socket.send(JSON.stringify({ type: "withdraw", id: 1 }));
    return new Promise((resolve) => {
      this.asked = resolve;
    });
  }

  // Nothing more will come; the events up to `end` still do.
  finish() {
    this.quiet = true; // a picture may still be on its way through the encoder
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ type: "finish" }));
  }

  send(stream, payload, t, mostWaiting) {
    if (this.quiet || this.socket.readyState !== WebSocket.OPEN) return;
    if (this.socket.bufferedAmount > mostWaiting) {
      this.missing[stream] = true; // the network is too slow: say so, rather than fall behind
      return;
    }
    const message = new Uint8Array(HEADER_BYTES + payload.length);
    const header = new DataView(message.buffer);
    header.setUint8(0, VERSION);
    header.setUint8(1, stream);
    header.setUint16(2, this.missing[stream] ? MISSING_BEFORE : 0, true);
    header.setUint32(4, this.numbers[stream]++, true);
    header.setBigUint64(8, BigInt(Math.max(0, Math.round(t * 1000))), true);
    message.set(payload, HEADER_BYTES);
    this.missing[stream] = false;
    this.socket.send(message);
  }

  receive(message) {
    if (message.type === "welcome") this.socket.send(JSON.stringify(this.identify));
    else if (message.type === "identified") this.entered((this.session = message.session));
    else if (message.type === "ack") this.onAck(message);
    else if (message.type === "result") this.asked?.(message);
    else if (Number.isInteger(message.seq) && !ANNOUNCEMENTS.has(message.type)) this.onEvent(message);
  }
}
