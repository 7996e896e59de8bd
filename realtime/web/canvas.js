// A canvas that fills its element and is sharp on every screen. Sizes come from an observer: drawing measures nothing.
//
// Lengths are in pixels of a page whose letters have their smallest size; where letters are larger, so is all that is
// drawn.

import { element } from "./dom.js";

const LETTERS_PX = 15;

export class Canvas {
  // `onResize` is called when everything has to be drawn anew.
  constructor(className, onResize) {
    this.node = element("canvas", className);
    this.node.setAttribute("aria-hidden", "true");
    this.width = 0;
    this.height = 0;
    this.pen = this.node.getContext("2d");
    new ResizeObserver(([entry]) => {
      const { width, height } = entry.contentRect;
      const density = devicePixelRatio || 1;
      const unit = parseFloat(getComputedStyle(document.documentElement).fontSize) / LETTERS_PX;
      this.width = width / unit;
      this.height = height / unit;
      this.node.width = Math.round(width * density);
      this.node.height = Math.round(height * density);
      this.pen.setTransform(density * unit, 0, 0, density * unit, 0, 0);
      onResize();
    }).observe(this.node);
  }

  get empty() {
    return this.width < 8 || this.height < 8;
  }

  clear() {
    this.pen.clearRect(0, 0, this.width, this.height);
  }

  // A shape in a box of 16 by 16, centred on x and y.
  stamp(outline, x, y, size, fill) {
    const { pen } = this;
    pen.save();
    pen.translate(x - size / 2, y - size / 2);
    pen.scale(size / 16, size / 16);
    pen.fillStyle = fill;
    pen.fill(outline, "evenodd");
    pen.restore();
  }
}
