// Shows a run: people, conversation, notices, and how it ended. Both pages have these elements.

import { clock, element, setText } from "./dom.js";
import { People } from "./people.js";
import { Conversation } from "./transcript.js";

const MAX_NOTICES = 50;

export const byId = (id) => document.getElementById(id);

export const run = { people: null, conversation: null, now: 0, over: false };
let drawing = false;

const handlers = {
  hello(message) {
    run.people = new People(byId("people"), message);
    run.conversation = new Conversation(byId("transcript"), message);
    run.now = 0;
    run.over = false;
    byId("notices").replaceChildren();
    byId("end").hidden = true;
    setText(byId("source"), message.source);
    setText(byId("model"), message.model.name);
    byId("model").title = `${message.model.summary} Licence: ${message.model.license}`;
    setText(byId("whisper"), message.whisper);
    document.title = `${message.source} – emotrack`;
  },
  transcript(message) {
    run.conversation.transcript(message);
    advance(message.t1_s);
  },
  utterance(message) {
    run.conversation.utterance(message);
    run.people.utterance(message);
    advance(message.t1_s);
  },
  estimate(message) {
    run.conversation.estimate(message);
    run.people.estimate(message);
    advance(message.t1_s);
  },
  status(message) {
    const who = [message.person, message.stream].filter(Boolean).join(", ");
    notice(message.t_s, message.level, who ? `${message.message} (${who})` : message.message);
  },
  marker(message) {
    notice(message.t_s, "info", message.label ? `Marked: ${message.label}` : "Marked.");
  },
  correction(message) {
    const right = message.labels === null ? "" : ` Right: ${message.labels.join(", ") || "none"}.`;
    notice(message.t_s, "info", `An estimate of ${message.person} was called wrong.${right}`);
  },
  end(message) {
    run.over = true;
    const banner = byId("end");
    const words = { finished: "The run is over", interrupted: "The run was stopped", failed: "The run failed" };
    banner.dataset.reason = message.reason;
    setText(banner.querySelector("h2"), `${words[message.reason]} at ${clock(message.t_s)}.`);
    const counts = `${message.utterances} utterances, ${message.estimates} estimates, ${message.finals} of them final.`;
    setText(banner.querySelector("p"), counts);
    banner.querySelector("ul").replaceChildren(...message.faults.map((fault) => element("li", "", fault)));
    banner.hidden = false;
    advance(message.t_s);
  },
};

function advance(t) {
  run.now = Math.max(run.now, t);
}

function notice(t, level, text) {
  const node = element("li", level);
  node.append(element("span", "time", clock(t)), element("span", "level", level), element("span", "", text));
  byId("notices").prepend(node);
  while (byId("notices").children.length > MAX_NOTICES) byId("notices").lastChild.remove();
  advance(t);
}

export function receive(message) {
  const known = Object.hasOwn(handlers, message.type);
  if (!known || (run.people === null && message.type !== "hello")) return;
  handlers[message.type](message);
  if (!drawing) {
    drawing = true;
    requestAnimationFrame(draw);
  }
}

function draw() {
  drawing = false;
  if (run.people === null) return;
  setText(byId("time"), clock(run.now));
  const away = run.people.draw(run.now);
  const shown = run.people.panels.size - away.length;
  byId("nobody").hidden = run.people.panels.size > 0;
  byId("people").dataset.count = String(shown);
  byId("away").hidden = away.length === 0;
  setText(byId("away"), `Not seen or heard for a minute: ${away.join(", ")}.`);
  byId("silence").hidden = run.conversation.entries.size > 0;
  byId("quiet").hidden = byId("notices").children.length > 0;
}

export function state(name, text) {
  byId("connection").dataset.state = name;
  setText(byId("connection"), text);
}
