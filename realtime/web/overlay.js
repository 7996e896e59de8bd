// A transparent page to lay over a picture: who expresses what, and nothing else.

import { FeedClient, ownAddress, obtainToken } from "./client.js";
import { setText } from "./dom.js";
import { OverlayCard } from "./overlay_card.js";
import { readOptions } from "./overlay_options.js";

const RATE_HZ = 5;
const NEXT_SESSION_MS = 2000;
const LOOK_MS = 1000;

const byId = (id) => document.getElementById(id);
const query = location.search;
let refusal = "";
const token = await obtainToken().catch((error) => {
  refusal = error.message;
  return null;
});
history.replaceState(null, "", location.pathname + query); // a reload keeps what the address asks for

let hello = null;
let waiting = false;
const cards = new Map();
const { options, trouble } = readOptions(new URLSearchParams(query));

function complain(text) {
  byId("trouble").hidden = text === "";
  setText(byId("trouble"), text);
}

function begin(message) {
  hello = message;
  cards.clear();
  byId("people").replaceChildren();
  withheld(message);
  const unknown = (options.labels ?? []).filter((label) => !message.labels.includes(label));
  complain(unknown.length ? `The model does not know: ${unknown.join(", ")}. It knows ${message.labels.join(", ")}.` : "");
}

// Voice and face are not used: said for as long as the run goes on, with the first sentence of the reason.
function withheld(message) {
  const [reason] = Object.values(message.withheld ?? {});
  byId("withheld").hidden = reason === undefined;
  if (reason !== undefined) setText(byId("withheld"), `Words alone. ${reason.split(/(?<=[a-z])\. (?=[A-Z])/)[0]}.`);
}

function card(person) {
  if (!cards.has(person)) {
    const made = new OverlayCard(person, hello, options);
    cards.set(person, made);
    byId("people").append(made.root);
  }
  return cards.get(person);
}

function receive(message) {
  if (message.type === "hello") begin(message);
  else if (hello === null) return;
  else if (message.type === "estimate") card(message.person).estimate(message, performance.now());
  else if (message.type === "transcript" && options.words) card(message.person).say(message, performance.now());
  else if (message.type === "end" || (message.type === "status" && message.value === "withdrawn")) {
    begin(hello);
    byId("withheld").hidden = true;
  }
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(draw);
}

function draw() {
  waiting = false;
  const now = performance.now();
  for (const card of cards.values()) card.draw(now);
}

function connection(name, reason) {
  if (name === "refused") complain(`Refused: ${reason}`);
  if (name === "over") setTimeout(() => feed.connect(), NEXT_SESSION_MS); // there may be another
}

const kinds = ["estimate", "status", ...(options.words ? ["transcript"] : [])];
const feed = new FeedClient(ownAddress("/v1/stream"), token, {
  onEvent: receive,
  onState: connection,
  subscribe: { kinds, persons: options.person === null ? null : [options.person], rolling: true, rate_hz: RATE_HZ },
  client: "overlay",
});
document.documentElement.style.fontSize = `${options.size}px`;
setInterval(draw, LOOK_MS); // what is old goes away, also when nothing comes
if (trouble !== "") complain(trouble);
else if (token === null) complain(refusal || "The address has to end in #token=…, as the one that emotrack printed.");
else feed.connect();
