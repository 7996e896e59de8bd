// Whose card it is: the face as it is seen at this moment, else an initial. Pictures are drawn and kept nowhere.

import { element, setText } from "./dom.js";

const SIDE_PX = 96;

export class Portrait {
  constructor() {
    this.root = element("div", "portrait");
    this.root.setAttribute("aria-hidden", "true");
    this.letter = element("span", "initial");
    this.canvas = element("canvas");
    this.canvas.width = this.canvas.height = SIDE_PX;
    this.canvas.hidden = true;
    this.root.append(this.letter, this.canvas);
  }

  initial(name) {
    const words = name.trim().split(/\s+/);
    const last = words.length > 1 ? words.at(-1)[0] : "";
    setText(this.letter, `${[...words[0]][0] ?? "?"}${last}`.toUpperCase());
  }

  // Shows a picture, or the initial again for null.
  show(picture) {
    this.canvas.hidden = picture === null;
    this.letter.hidden = picture !== null;
    if (picture !== null) this.canvas.getContext("2d").drawImage(picture, 0, 0, SIDE_PX, SIDE_PX);
  }
}
