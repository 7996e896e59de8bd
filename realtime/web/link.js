// The page's connection to the feed: identifies itself, follows the session, and goes on where it was.

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 5000;
const PONG_MS = 10000;
const FORGET = 4007;
const HOPELESS = new Set([4000, 4002, 4003, 4005, 4006]);
const TOKEN = "emotrack.token";

// The token comes in the fragment, which is never sent anywhere. It leaves the address bar at once, and stays
// with the tab so that a reload still works.
export function takeToken() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(TOKEN, given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem(TOKEN);
}

export class Link {
  // `onEvent(message)` gets every event; `onState(name, reason)` gets "live", "lost" or "refused".
  constructor(token, { onEvent, onState }) {
    this.token = token;
    this.onEvent = onEvent;
    this.onState = onState;
    this.run = null;
    this.seq = null;
    this.retryMs = FIRST_RETRY_MS;
    this.answers = {
      welcome: () => this.identify(),
      identified: (message) => this.identified(message),
      snapshot: (message) => this.begin(message.run),
      replay: (message) => this.begin(message.run),
      gap: () => {},
      pong: () => clearTimeout(this.patience),
      result: () => {},
      error: () => {},
    };
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    this.socket = new WebSocket(`${scheme}://${location.host}/v1/stream`);
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.lost(event));
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  identify() {
    const resume = this.run !== null && this.seq !== null ? { run: this.run, seq: this.seq } : null;
    this.say({ type: "identify", protocol: "1.0", token: this.token, client: "page", resume });
  }

  identified(message) {
    this.retryMs = FIRST_RETRY_MS;
    this.onState("live", "");
    this.pinging = setInterval(() => this.ping(), message.ping_s * 1000);
  }

  begin(run) {
    if (run !== this.run) this.seq = null;
    this.run = run;
  }

  ping() {
    this.say({ type: "ping", id: 0 });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.socket.close(), PONG_MS);
  }

  receive(message) {
    if (Object.hasOwn(this.answers, message.type)) {
      this.answers[message.type](message);
    } else if (Number.isInteger(message.seq)) {
      this.seq = message.seq;
      this.onEvent(message);
    }
  }

  lost(event) {
    clearInterval(this.pinging);
    clearTimeout(this.patience);
    if (event.code === FORGET) this.run = this.seq = null;
    if (HOPELESS.has(event.code)) {
      this.onState("refused", event.reason);
      return;
    }
    this.onState("lost", event.reason);
    setTimeout(() => this.connect(), this.retryMs * (0.5 + Math.random()));
    this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
  }
}
