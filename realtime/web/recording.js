// The recording of a replay beside its curves: what is heard and seen is what is shown, and the other way round.
//
// While the run goes on the picture follows it, without sound as browsers allow it. From the first press on the listener
// leads: then the page shows the moment that is played.

import { element, setText } from "./dom.js";
import { ask } from "./resources.js";

const APART_S = 0.3;
const JUMP_S = 1.5;
const LOOK_MS = 100;
const CANNOT = "This browser cannot play the recording; its curves go on without it.";
const PRESS = "Press the player's own button once: the browser plays nothing before that.";

export class Recording {
  // `parts` has the section, where the player goes, and a line for trouble. `onTime(t)` is told the moment that the
  // listener plays.
  constructor(parts, onTime) {
    Object.assign(this, { parts, onTime, player: null, following: true, looking: null });
  }

  // Asks whether there is a recording, and shows it.
  async open() {
    this.close();
    const found = await ask("/v1/recording");
    if (found === null) return;
    const player = element(found.video ? "video" : "audio");
    Object.assign(player, { controls: true, preload: "metadata", muted: true, src: found.address });
    player.setAttribute("aria-label", "Recording");
    player.addEventListener("error", () => setText(this.parts.trouble, CANNOT));
    for (const kind of ["pointerdown", "keydown"]) player.addEventListener(kind, () => this.lead());
    player.addEventListener("play", () => this.look());
    for (const kind of ["pause", "seeking"]) player.addEventListener(kind, () => this.tell());
    this.player = player;
    this.following = true;
    this.parts.screen.replaceChildren(player);
    this.parts.root.hidden = false;
  }

  close() {
    clearInterval(this.looking);
    this.looking = null;
    if (this.player !== null) {
      this.player.pause();
      this.player.removeAttribute("src");
      this.player.load();
    }
    this.player = null;
    setText(this.parts.trouble, "");
    this.parts.screen.replaceChildren();
    this.parts.root.hidden = true;
  }

  get there() {
    return this.player !== null && this.player.error === null;
  }

  lead() {
    if (!this.following || this.player === null) return;
    this.following = false;
    this.player.muted = false;
  }

  // The run has come to `now`: the picture keeps up, and waits where the run is behind.
  follow(now) {
    if (!this.there || !this.following) return;
    const { player } = this;
    const behind = now - player.currentTime;
    if (behind > JUMP_S) player.currentTime = now;
    if (behind > APART_S && player.paused) player.play().catch(() => {});
    else if (behind < 0 && !player.paused) player.pause();
  }

  // The run is over: from here on the listener leads.
  over() {
    if (this.player === null) return;
    if (this.following) this.player.pause();
    this.lead();
  }

  // While it plays, the page shows what is heard.
  look() {
    if (this.looking !== null) return;
    this.looking = setInterval(() => {
      this.tell();
      if (this.player === null || this.player.paused) {
        clearInterval(this.looking);
        this.looking = null;
      }
    }, LOOK_MS);
  }

  tell() {
    if (this.player !== null && !this.following) this.onTime(this.player.currentTime);
  }

  // Another moment was chosen; null for the run's own, which the picture follows again while it goes on.
  seek(t, over) {
    if (!this.there) return;
    if (t === null && !over) {
      this.following = this.player.muted = true;
      return;
    }
    this.lead();
    if (t !== null && Math.abs(this.player.currentTime - t) > APART_S) this.player.currentTime = t;
  }

  toggle() {
    if (!this.there) return;
    this.lead();
    if (this.player.paused) this.player.play().catch(() => setText(this.parts.trouble, PRESS));
    else this.player.pause();
  }
}
