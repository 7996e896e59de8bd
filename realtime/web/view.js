// Shows a run: people, conversation, notices, and how it ended. Both pages have the elements for these; timeline and
// run health are drawn only on the page that has elements for them.

import { recall } from "./curves.js";
import { clock, element, setText } from "./dom.js";
import { Glance } from "./glance.js";
import { RunHealth } from "./run_health.js";
import { People } from "./people.js";
import { showSummary } from "./summary.js";
import { onTheme } from "./theme.js";
import { Timeline } from "./timeline.js";
import { Conversation } from "./transcript.js";
import { MODALITY_NAMES, Names } from "./words.js";

const MAX_NOTICES = 50;
const DRAW_EVERY_MS = 100;
const ENDS = { finished: "The run is over", interrupted: "The run was stopped", failed: "The run failed" };

export const byId = (id) => document.getElementById(id);

export const run = { hello: null, people: null, conversation: null, timeline: null, glance: null, names: new Names(), now: 0, over: false, withdrawn: false, onWrong: null };
let waiting = false;
let drawn = -Infinity;

const handlers = {
  hello(message) {
    Object.assign(run, { hello: message, now: 0, over: false, withdrawn: false });
    run.names = new Names();
    begin();
    document.body.classList.remove("forgotten");
    byId("end").hidden = true;
    late(0);
    setText(byId("source"), message.source);
    setText(byId("model"), message.model.name);
    byId("model").title = `${message.model.summary} Licence: ${message.model.license}`;
    setText(byId("whisper"), message.whisper);
    byId("time").title = `since ${new Date(message.started_at).toLocaleString()}`;
    purpose(message);
    document.title = `${message.source} – emotrack`;
  },
  transcript(message) {
    run.conversation.transcript(message);
    run.glance?.transcript(message);
    advance(message.t1_s);
  },
  utterance(message) {
    run.conversation.utterance(message);
    run.people.utterance(message);
    run.timeline?.utterance(message);
    run.glance?.utterance(message);
    advance(message.t1_s);
  },
  estimate(message) {
    run.conversation.estimate(message);
    run.people.estimate(message);
    run.timeline?.estimate(message);
    run.glance?.estimate(message);
    run.health?.estimate(message);
    if (message.final) announce(message);
    advance(message.t1_s);
  },
  status(message) {
    const person = message.person ? run.names.of(message.person) : null;
    const who = [person, message.stream].filter(Boolean).join(", ");
    run.health?.status(message);
    if (message.code === "capture") capturing(message.value !== "off");
    if (message.code === "consent" && message.value === "withdrawn") forget(message);
    notice(message.t_s, message.level, who ? `${message.message} (${who})` : message.message);
  },
  marker(message) {
    run.people.mark(message.t_s);
    run.timeline?.mark(message.t_s, "mark");
    notice(message.t_s, "info", message.label ? `Marked: ${message.label}` : "Marked.");
  },
  correction(message) {
    const right = message.labels === null ? "" : ` Right: ${message.labels.join(", ") || "none"}.`;
    run.conversation.correction(message);
    run.timeline?.mark(message.t_s, "wrong");
    notice(message.t_s, "info", `An estimate of ${run.names.of(message.person)} was called wrong.${right}`);
  },
  end(message) {
    run.over = true;
    capturing(false);
    late(0);
    advance(message.t_s);
    if (run.withdrawn) return; // what was said of that stays to be read
    const counts = `${message.utterances} utterances, ${message.estimates} estimates, ${message.finals} of them final.`;
    banner(message.reason, `${ENDS[message.reason]} at ${clock(message.t_s)}.`, counts, message.faults);
    if (run.timeline) run.timeline.over = true;
    if (byId("summary")) summarise();
  },
};

function banner(reason, title, text, faults = []) {
  const root = byId("end");
  root.dataset.reason = reason;
  setText(root.querySelector("h2"), title);
  setText(root.querySelector("p"), text);
  root.querySelector("ul").replaceChildren(...faults.map((fault) => element("li", "", fault)));
  root.hidden = false;
}

// What is said at the end takes the place of what was said at a glance while the run went on.
async function summarise() {
  const { hello } = run;
  const found = await showSummary(byId("summary"), (t) => run.timeline?.seek(t));
  if (run.hello !== hello || run.withdrawn) byId("summary").replaceChildren();
  else if (found) glance("Summary", false);
}

function glance(title, going) {
  if (!byId("glance")) return;
  setText(byId("glance-title"), title);
  byId("glance").hidden = !going;
}

// Consent was withdrawn: the page drops everything of the session and says so.
function forget(message) {
  run.withdrawn = true;
  begin();
  document.body.classList.add("forgotten");
  run.health?.close();
  if (byId("load")) setText(byId("load"), "Nothing is computed any more.");
  const what = message.message.replace(/^consent was withdrawn: /, "");
  const done = `${what[0].toUpperCase()}${what.slice(1)}.`;
  const title = `Consent was withdrawn at ${clock(message.t_s)}.`;
  banner("withdrawn", title, `Nothing is captured any more. ${done} This page has forgotten what it was told.`);
}

// Sets up the page for a new run and drops everything of the one before.
function begin() {
  const { hello } = run;
  const seek = (t) => run.timeline?.seek(t);
  byId("summary")?.replaceChildren();
  glance("At a glance", true);
  run.people = new People(byId("people"), hello, run.names, ask);
  run.conversation = new Conversation(byId("transcript"), hello, run.names, seek);
  if (byId("talk")) {
    const parts = { talk: byId("talk"), moments: byId("moments"), noMoments: byId("no-moments") };
    run.glance = new Glance(parts, hello, run.names, seek, ask);
    byId("talk").replaceChildren();
    byId("moments").replaceChildren();
  }
  if (byId("strip")) {
    const parts = { root: byId("session"), slider: byId("seek"), strip: byId("strip"), live: byId("live") };
    run.timeline = new Timeline({ ...parts, words: byId("moment") }, hello, run.names, ask);
  }
  if (byId("devices")) {
    const parts = { devices: byId("devices"), load: byId("load"), delay: byId("delay"), stages: byId("stages") };
    run.health = new RunHealth(parts, hello);
  }
  byId("notices").replaceChildren();
  if (byId("spoken")) setText(byId("spoken"), "");
  allow(run.onWrong);
}

// Sets who is told that an estimate was called wrong: `onWrong(person, estimate)`, or null to hide the buttons.
export function allow(onWrong) {
  run.onWrong = onWrong;
  if (run.people === null) return;
  run.people.onWrong = run.conversation.onWrong = onWrong;
  for (const entry of run.conversation.entries.values()) {
    if (onWrong) entry.offer();
    else entry.withdraw();
  }
  ask();
}

function purpose(hello) {
  if (byId("purpose")) setText(byId("purpose"), hello.purpose ?? "personal");
  const withheld = Object.entries(hello.withheld ?? {});
  byId("withheld").hidden = withheld.length === 0;
  if (withheld.length) {
    const names = withheld.map(([name]) => MODALITY_NAMES[name] ?? name).join(" and ");
    setText(byId("withheld").querySelector("h2"), `${names[0].toUpperCase()}${names.slice(1)} are not used. Purpose: ${hello.purpose}.`);
    setText(byId("withheld").querySelector("p"), withheld[0][1]);
  }
  if (byId("several")) byId("several").hidden = withheld.length > 1;
  capturing(hello.capturing === true);
}

function capturing(on) {
  if (byId("capturing")) byId("capturing").hidden = !on;
}

// What a screen reader says of an utterance: once, when all of it is settled.
function announce(message) {
  if (!byId("spoken")) return;
  const words = run.conversation.entries.get(message.utterance)?.committed.textContent ?? "";
  const labels = message.abstained ? "not enough evidence" : message.active.join(", ") || "no label";
  setText(byId("spoken"), `${run.names.of(message.person)}: ${words} ${labels}.`);
}

// Curves of the time before the page was opened, as far as the server has them.
export async function remember() {
  const { people } = run;
  if (people === null || run.withdrawn) return;
  await recall(people);
  run.timeline?.refresh();
}

function advance(t) {
  run.now = Math.max(run.now, t);
  if (run.timeline) run.timeline.now = run.now;
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
  if (!known || (run.hello === null && message.type !== "hello")) return;
  handlers[message.type](message);
  ask();
}

// However much arrives, the page is drawn once for all of it, and at most ten times a second.
function ask() {
  if (waiting) return;
  waiting = true;
  const pause = drawn + DRAW_EVERY_MS - performance.now();
  if (pause > 0) setTimeout(() => requestAnimationFrame(draw), pause);
  else requestAnimationFrame(draw);
}

function draw() {
  waiting = false;
  drawn = performance.now();
  if (run.people === null) return;
  const at = run.timeline?.at ?? null;
  setText(byId("time"), clock(run.now));
  const away = run.people.draw(at ?? run.now, at === null);
  run.conversation.draw(at, at === null);
  run.glance?.draw();
  run.timeline?.draw();
  run.health?.draw();
  showWhatIsEmpty(away);
}

function showWhatIsEmpty(away) {
  setText(byId("nobody"), run.withdrawn ? "Nobody is shown: consent was withdrawn." : "Nobody has been seen or heard yet.");
  setText(byId("silence"), run.withdrawn ? "Forgotten." : "Nothing has been said yet.");
  byId("nobody").hidden = run.people.panels.size > 0;
  byId("away").hidden = away.length === 0;
  setText(byId("away"), `Not seen or heard for a minute: ${away.join(", ")}.`);
  byId("silence").hidden = run.conversation.entries.size > 0;
  byId("quiet").hidden = byId("notices").children.length > 0;
}

// Below this a run is on time for people.
const LATE_S = 1;

// How far the run is behind its pace, as the terminal says it.
export function late(seconds) {
  if (!byId("late")) return;
  const text = seconds >= LATE_S ? `${seconds.toFixed(1)} s behind` : "";
  byId("late").hidden = text === "";
  setText(byId("behind"), text);
  run.health?.late(text);
}

export function state(name, text) {
  byId("connection").dataset.state = name;
  setText(byId("connection"), text);
}

addEventListener("resize", () => {
  if (run.conversation) run.conversation.changed = true;
  ask();
});
onTheme(() => {
  run.timeline?.refresh();
  ask();
});
