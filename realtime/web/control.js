// What only those with the right "control" see: marks, corrections, mute, stop and the withdrawal of consent.

import { confirmed } from "./confirm.js";
import { clock, element, setText } from "./dom.js";
import { glyph } from "./labels.js";

const byId = (id) => document.getElementById(id);

export class Control {
  // `feed.request(message)` asks; `moment()` is the time that is looked at, null for now.
  constructor(feed, moment) {
    this.feed = feed;
    this.moment = moment;
    this.dialog = byId("correction");
    this.asked = null;
    byId("mark").addEventListener("submit", (event) => this.mark(event));
    for (const button of document.querySelectorAll("[data-mute]")) {
      button.addEventListener("click", () => this.mute(button));
    }
    confirmed("stop", "stopping", () => this.ask({ type: "stop" }, "The run is being stopped."));
    confirmed("withdraw", "withdrawing", () => this.ask({ type: "withdraw" }, "Consent is withdrawn: capturing ends."));
    this.dialog.addEventListener("close", () => this.correct());
  }

  async ask(message, done) {
    const line = byId("answer");
    try {
      const result = await this.feed.request(message);
      setText(line, result.ok ? done : result.message);
    } catch {
      setText(line, "The connection was lost before the answer came.");
    }
  }

  mark(event) {
    event.preventDefault();
    this.markNow();
  }

  // Marks the moment that is looked at, where the token gives that right.
  markNow() {
    if (byId("controls").hidden) return;
    const box = byId("mark-label");
    const t = this.moment();
    this.ask({ type: "mark", label: box.value.trim(), t_s: t }, t === null ? "Marked." : `Marked at ${clock(t)}.`);
    box.value = "";
  }

  mute(button) {
    const muted = button.getAttribute("aria-pressed") !== "true";
    const done = muted ? "Muted." : "No longer muted.";
    this.ask({ type: "mute", modality: button.dataset.mute, muted }, done);
  }

  // Which labels would have been right? `estimate` has its id, its time and which labels it found.
  wrong(person, estimate, labels) {
    if (!estimate) return;
    this.asked = { type: "correct", estimate: estimate.id, person };
    setText(byId("correction-what"), `The estimate of ${person} at ${clock(estimate.t)}.`);
    byId("right-labels").replaceChildren(
      ...labels.map((label, index) => {
        const line = element("label", "choice");
        const box = element("input");
        Object.assign(box, { type: "checkbox", name: "right", value: label });
        line.append(box, glyph(label, index), element("span", "", label));
        return line;
      }),
    );
    this.dialog.returnValue = "";
    this.dialog.showModal();
  }

  correct() {
    const answer = this.dialog.returnValue;
    if (this.asked === null || !["right", "unknown"].includes(answer)) return;
    const chosen = [...byId("right-labels").querySelectorAll("input:checked")].map((box) => box.value);
    this.ask({ ...this.asked, labels: answer === "right" ? chosen : null }, "Noted as wrong.");
    this.asked = null;
  }
}
