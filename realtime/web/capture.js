// Runs beside the page, in the audio thread: sound in pieces of a tenth of a second, 16 bits, mono.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(sampleRate / 10));
    this.filled = 0;
  }

  process([channels]) {
    if (channels.length === 0) return true;
    for (let i = 0; i < channels[0].length; i++) {
      let sum = 0;
      for (const channel of channels) sum += channel[i];
      const value = Math.max(-1, Math.min(1, sum / channels.length));
      this.piece[this.filled++] = Math.round(value * 32767);
      if (this.filled === this.piece.length) this.give();
    }
    return true;
  }

  give() {
    const full = this.piece;
    this.piece = new Int16Array(full.length);
    this.filled = 0;
    this.port.postMessage(full, [full.buffer]);
  }
}

registerProcessor("capture", Capture);
