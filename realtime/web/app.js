// The dashboard: follows the feed of its own server, shows the run, and controls it if the token gives that right.

import { FeedClient, ownAddress, obtainToken } from "./client.js";
import { Control } from "./control.js";
import { setText } from "./dom.js";
import { Faces } from "./faces.js";
import { listen } from "./keys.js";
import { Recording } from "./recording.js";
import { use } from "./resources.js";
import { allow, byId, late, receive, remember, run, state } from "./view.js";

const NEXT_SESSION_MS = 2000;
const NOW_S = 1.5;

class DashboardClient extends FeedClient {
  identified(message) {
    super.identified(message);
    offerControls(message.rights.includes("control"));
  }
}

// The buttons are shown only with the right "control", and while a run goes on.
function offerControls(may) {
  byId("controls").hidden = byId("key-mark").hidden = !may;
  allow(may ? (person, estimate) => control.wrong(person, estimate, run.hello.labels) : null);
}

// "Withdraw consent" is shown only while people are captured, "Mute picture" only where faces are used.
function adaptControls(hello) {
  byId("withdraw").hidden = hello.capturing !== true;
  document.querySelector("[data-mute=visual]").hidden = Object.hasOwn(hello.withheld ?? {}, "visual");
}

function follow(message) {
  receive(message);
  if (message.type === "hello") begun(message);
  if (message.type === "end") {
    offerControls(false);
    faces.stop();
    recording.over();
  }
  recording.follow(run.now);
  if (run.withdrawn) {
    faces.stop();
    recording.close();
  }
  if (message.type === "status" && run.health) {
    for (const button of document.querySelectorAll("[data-mute]")) {
      const kind = button.dataset.mute === "visual" ? "video" : "audio";
      button.setAttribute("aria-pressed", String(run.health.muted(kind)));
    }
  }
}

const WRONG_TOKEN = "This address has a token that is not valid any more: every run prints a new one. Open the address that emotrack printed last.";

// A run begins, or is joined: what the page can show besides the feed's messages is asked for.
function begun(hello) {
  adaptControls(hello);
  run.timeline.onSeek = (t) => recording.seek(t, run.over);
  setTimeout(remember, 0); // after the messages that the server has kept
  recording.open();
  if (!Object.hasOwn(hello.withheld ?? {}, "visual")) faces.start();
}

// What the recording plays is what is shown; at the run's own place that is now.
function played(t) {
  const here = !run.over && run.now - t < NOW_S;
  run.timeline?.show(here ? null : t);
}

function step(seconds) {
  const { timeline } = run;
  timeline?.seek(Math.max(0, (timeline.at ?? run.now) + seconds));
}

byId("search").addEventListener("input", () => {
  const found = run.conversation?.search(byId("search").value) ?? 0;
  setText(byId("found"), byId("search").value.trim() ? `${found} found` : "");
});

function connection(name, reason) {
  if (name === "live") state("live", "Connected");
  else if (name === "refused") refused(reason);
  else if (run.over || name === "over") state("over", "Over");
  else state("lost", "Not connected, trying again");
  if (name !== "live") offerControls(false);
  if (name === "over") setTimeout(() => feed.connect(), NEXT_SESSION_MS); // there may be another
}

// A wrong token is not worth a code: what to do is said at once.
function refused(reason) {
  const text = /token/.test(reason) ? WRONG_TOKEN : `Refused: ${reason}`;
  state("lost", "Not connected");
  trouble(text);
}

function trouble(text) {
  byId("trouble").hidden = text === "";
  setText(byId("trouble"), text);
}

const faces = new Faces(() => run.people, () => run.timeline?.at === null);
const screen = { root: byId("recording"), screen: byId("screen"), trouble: byId("recording-trouble") };
const recording = new Recording(screen, played);
listen({ toggle: () => recording.toggle(), step, mark: () => control.markNow() });

// `undefined` when the page's one-time code was refused: then the reason is shown instead.
const token = await obtainToken().catch((error) => trouble(error.message));
use(token);
const feed = new DashboardClient(ownAddress("/v1/stream"), token, { onEvent: follow, onState: connection, onLag: late, client: "page" });
const control = new Control(feed, () => run.timeline?.at ?? null);
if (token === null) trouble("Open the whole address that emotrack printed: it ends in #token=…");
else if (token !== undefined) feed.connect();
