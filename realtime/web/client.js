// A client of the feed for browsers: every event once, in order, across lost connections.
//
// It needs nothing else: copy it beside your page, and let `feed.origins` name the page's address.
//
//   const feed = new FeedClient("ws://" + host + "/v1/stream", token, { onEvent: (message) => show(message) });
//   feed.connect();

const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 15000;
const PONG_MS = 10000;
const SAID_GOODBYE = 1000;
const UNKNOWN_SESSION = 4004;
const RESUME_REFUSED = 4007;
const SESSION_OVER = 4011;
const HOPELESS = new Set([1003, 1007, 4000, 4001, 4002, 4003, 4005, 4006]);
const TOKEN = "emotrack.token";

// The token comes in the fragment of the page's address, which is never sent anywhere. It leaves the address bar
// at once, and stays with the tab so that a reload still works.
export function takeToken() {
  const key = TOKEN + location.pathname;
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem(key, given);
    history.replaceState(null, "", location.pathname);
  }
  return given ?? sessionStorage.getItem(key);
}

// As `takeToken`, also for an address that ends in #code=…: programs that open a page in a browser hand over such a
// one-time code, because others can read command lines, and it is exchanged here for a token of this tab's own.
// Resolves to the token, or null when the address has neither; rejects with a sentence when the code is refused.
export async function obtainToken() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return takeToken();
  history.replaceState(null, "", location.pathname);
  const answer = await fetch("/v1/token", { headers: { "X-Emotrack-Code": code } });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const { token } = await answer.json();
  sessionStorage.setItem(TOKEN + location.pathname, token);
  return token;
}

// The address of a websocket of the server that the page came from.
export function ownAddress(path) {
  return `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`;
}

export class FeedClient {
  // `onEvent(message)` gets every event. `onState(name, reason)` gets "live"; "lost" before each new attempt;
  // "refused" when trying again would give the same; "over" when the session is. After the last two `connect`
  // begins anew. `onLag(seconds)` is told how far the run is behind its pace, where the feed knows. `session`,
  // `subscribe` and `client` are those of `identify`.
  constructor(url, token, { onEvent, onState = () => {}, onLag = null, session = null, subscribe = null, client = "" }) {
    this.url = url;
    this.token = token;
    this.onEvent = onEvent;
    this.onState = onState;
    this.options = { session, subscribe, client, capabilities: onLag === null ? [] : ["lag"] };
    this.onLag = onLag;
    this.run = null;
    this.seq = -1;
    this.retryMs = FIRST_RETRY_MS;
    this.asked = new Map();
    this.number = 0;
    this.answers = {
      welcome: () => this.identify(),
      identified: (message) => this.identified(message),
      snapshot: (message) => this.begin(message.run),
      replay: (message) => this.begin(message.run),
      pong: (message) => this.answered(message),
      result: (message) => this.answered(message),
      lag: (message) => this.onLag?.(message.behind_s),
      gap: () => {},
      error: () => {},
      ack: () => {},
    };
  }

  connect() {
    this.socket = new WebSocket(this.url);
    this.socket.addEventListener("message", (event) => this.receive(JSON.parse(event.data)));
    this.socket.addEventListener("close", (event) => this.lost(event));
  }

  close() {
    clearTimeout(this.retrying);
    this.socket.close(SAID_GOODBYE);
  }

  // Ask for something, with the right "control": `request({ type: "mark", label: "laughs" })`. Resolves to the
  // `result`; rejects when the connection is lost before it comes.
  request(message) {
    const id = ++this.number;
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.say({ ...message, id });
    });
  }

  say(message) {
    this.socket.send(JSON.stringify(message));
  }

  identify() {
    const resume = this.run !== null && this.seq >= 0 ? { run: this.run, seq: this.seq } : null;
    this.say({ type: "identify", protocol: "1.0", token: this.token, resume, ...this.options });
  }

  identified(message) {
    this.retryMs = FIRST_RETRY_MS;
    this.onState("live", message.session);
    this.pinging = setInterval(() => this.ping(), message.ping_s * 1000);
  }

  begin(run) {
    if (run !== this.run) this.seq = -1;
    this.run = run;
  }

  // Browsers do not show the websocket's own pings to pages, so a dead feed is noticed with these.
  ping() {
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.socket.close(), PONG_MS);
    this.request({ type: "ping" }).catch(() => {});
  }

  answered(message) {
    if (message.type === "pong") clearTimeout(this.patience);
    this.asked.get(message.id)?.resolve(message);
    this.asked.delete(message.id);
  }

  receive(message) {
    if (Object.hasOwn(this.answers, message.type)) {
      this.answers[message.type](message);
    } else if (Number.isInteger(message.seq) && message.seq > this.seq) {
      this.seq = message.seq;
      this.onEvent(message);
    }
  }

  lost(event) {
    clearInterval(this.pinging);
    clearTimeout(this.patience);
    for (const { reject } of this.asked.values()) reject(new Error("the connection was lost"));
    this.asked.clear();
    const { code, reason } = event;
    if (code === RESUME_REFUSED) this.begin(null);
    if (code === SAID_GOODBYE || code === SESSION_OVER) {
      this.onState("over", reason);
    } else if (HOPELESS.has(code) || (code === UNKNOWN_SESSION && this.options.session !== null)) {
      this.onState("refused", reason);
    } else {
      this.onState("lost", reason);
      this.retrying = setTimeout(() => this.connect(), this.retryMs * (0.5 + Math.random()));
      this.retryMs = Math.min(this.retryMs * 2, LAST_RETRY_MS);
    }
  }
}
