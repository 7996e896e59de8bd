// Reads the feed of the server that this page came from, and shows it.

import { FeedClient, ownAddress, takeToken } from "./client.js";
import { receive, run, state } from "./view.js";

const NEXT_SESSION_MS = 2000;

function connection(name, reason) {
  if (name === "live") state("live", "Connected");
  else if (name === "refused") state("lost", `Refused: ${reason}`);
  else if (run.over || name === "over") state("over", "Over");
  else state("lost", "Not connected, trying again");
  if (name === "over") setTimeout(() => feed.connect(), NEXT_SESSION_MS); // there may be another
}

const token = takeToken();
const feed = new FeedClient(ownAddress("/v1/stream"), token, {
  onEvent: receive,
  onState: connection,
  client: "page",
});
if (token === null) state("lost", "Open the whole address that emotrack printed: it ends in #token=…");
else feed.connect();
