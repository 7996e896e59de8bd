// The dashboard: follows the feed of its own server, shows the run, and controls it if the token gives that right.

import { FeedClient, ownAddress, obtainToken } from "./client.js";
import { Control } from "./control.js";
import { allow, byId, late, receive, run, state } from "./view.js";

const NEXT_SESSION_MS = 2000;

class DashboardClient extends FeedClient {
  identified(message) {
    super.identified(message);
    offerControls(message.rights.includes("control"));
  }
}

// The buttons are shown only with the right "control", and while a run goes on.
function offerControls(may) {
  byId("controls").hidden = !may;
  allow(may ? (person, estimate) => control.wrong(person, estimate, run.hello.labels) : null);
}

// "Withdraw consent" is shown only while people are captured, "Mute picture" only where faces are used.
function adaptControls(hello) {
  byId("withdraw").hidden = hello.capturing !== true;
  document.querySelector("[data-mute=visual]").hidden = Object.hasOwn(hello.withheld ?? {}, "visual");
}

function follow(message) {
  receive(message);
  if (message.type === "hello") adaptControls(message);
  if (message.type === "end") offerControls(false);
  if (message.type === "status" && run.health) {
    for (const button of document.querySelectorAll("[data-mute]")) {
      const kind = button.dataset.mute === "visual" ? "video" : "audio";
      button.setAttribute("aria-pressed", String(run.health.muted(kind)));
    }
  }
}

function connection(name, reason) {
  if (name === "live") state("live", "Connected");
  else if (name === "refused") state("lost", `Refused: ${reason}`);
  else if (run.over || name === "over") state("over", "Over");
  else state("lost", "Not connected, trying again");
  if (name !== "live") offerControls(false);
  if (name === "over") setTimeout(() => feed.connect(), NEXT_SESSION_MS); // there may be another
}

// `undefined` when the page's one-time code was refused: then the reason is shown instead.
const token = await obtainToken().catch((error) => state("lost", error.message));
const feed = new DashboardClient(ownAddress("/v1/stream"), token, { onEvent: follow, onState: connection, onLag: late, client: "page" });
const control = new Control(feed, () => run.timeline?.at ?? null);
if (token === null) state("lost", "Open the whole address that emotrack printed: it ends in #token=…");
else if (token !== undefined) feed.connect();
