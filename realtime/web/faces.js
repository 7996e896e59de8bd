// Faces as they are seen at this moment, asked for while the page is looked at. A picture is drawn and let go.

import { ask } from "./resources.js";

const EVERY_MS = 500;
const NONE_MS = 5000;

export class Faces {
  // `people()` gives the cards; `live()` whether this moment is shown. Pictures of the past are not kept anywhere.
  constructor(people, live) {
    Object.assign(this, { people, live, turns: 0, waiting: null });
  }

  start() {
    this.stop();
    this.turn(this.turns);
  }

  stop() {
    this.turns += 1; // a turn that is under way comes to nothing
    clearTimeout(this.waiting);
    for (const panel of this.people()?.panels.values() ?? []) panel.portrait.show(null);
  }

  async turn(number) {
    const looked = !document.hidden && this.live();
    const answer = looked ? await ask("/v1/faces") : null;
    for (const [person, panel] of this.people()?.panels ?? []) {
      if (number !== this.turns) return;
      await draw(panel.portrait, answer?.faces[person]);
    }
    if (number !== this.turns) return;
    const pause = looked && answer === null ? NONE_MS : EVERY_MS;
    this.waiting = setTimeout(() => this.turn(number), pause);
  }
}

async function draw(portrait, encoded) {
  if (encoded === undefined) {
    portrait.show(null);
    return;
  }
  const bytes = Uint8Array.from(atob(encoded), (character) => character.charCodeAt(0));
  const picture = await createImageBitmap(new Blob([bytes], { type: "image/jpeg" }));
  portrait.show(picture);
  picture.close();
}
