// What each modality says alone, in numbers: a table.

import { element, percent, setText } from "./dom.js";
import { MODALITIES } from "./history.js";
import { MODALITY_NAMES } from "./words.js";

export class PeerTable {
  // Modalities that are withheld have no column: nothing is to be expected there.
  constructor({ labels, withheld }) {
    this.root = element("div", "peers");
    const table = element("table");
    this.shown = MODALITIES.map((name, m) => ({ name, m })).filter(({ name }) => !Object.hasOwn(withheld ?? {}, name));
    const columns = ["fusion", ...this.shown.map(({ name }) => MODALITY_NAMES[name])];
    const head = element("tr");
    head.append(element("td"), ...columns.map((name) => heading("col", name)));
    table.append(head);
    this.cells = labels.map((label) => {
      const line = element("tr");
      const cells = columns.map(() => element("td", "", "–"));
      line.append(heading("row", label), ...cells);
      table.append(line);
      return cells;
    });
    this.extra = element("p", "empty");
    this.root.append(element("h3", "", "What each modality says"), table, this.extra);
  }

  draw(reading, affect) {
    this.cells.forEach((cells, index) => {
      const said = [reading?.values[index] ?? null, ...this.shown.map(({ m }) => reading?.peers[index][m] ?? null)];
      said.forEach((value, column) => setText(cells[column], value === null ? "–" : percent(value)));
    });
    setText(this.extra, reading ? this.words(reading, affect) : "");
  }

  words(reading, affect) {
    const parts = MODALITIES.map((name, m) => [name, reading.shares[m]]).filter(([, share]) => share !== null);
    const shares = parts.map(([name, share]) => `${MODALITY_NAMES[name]} ${percent(share)}`).join(", ");
    const text = shares ? `Weight in the fusion: ${shares}.` : "";
    if (!affect || affect.valence === null || affect.arousal === null) return text;
    return `${text} Valence ${affect.valence.toFixed(2)}, arousal ${affect.arousal.toFixed(2)}.`;
  }
}

function heading(scope, name) {
  const node = element("th", "", name);
  node.scope = scope;
  return node;
}
