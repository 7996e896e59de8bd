// The summary of a run that is over, as the server words it: the same text as in the terminal and the run's folder.
// A line that begins with a time leads to it.

import { element } from "./dom.js";
import { ask } from "./resources.js";

const TIME = /^(?:(\d+):)?(\d+):(\d\d) /;

// Returns whether there is one.
export async function showSummary(root, onSeek) {
  const answer = await ask("/v1/summary");
  root.replaceChildren(...(answer?.sections ?? []).map((part) => section(part, onSeek)));
  return answer !== null;
}

function section({ title, lines }, onSeek) {
  const part = element("section", "summary-part");
  const list = element("ul");
  list.append(...lines.map((line) => entry(line, onSeek)));
  part.append(element("h3", "", title), list);
  return part;
}

function entry(line, onSeek) {
  const item = element("li");
  const found = TIME.exec(line);
  if (found === null) {
    item.textContent = line;
    return item;
  }
  const [said, hours, minutes, seconds] = found;
  const button = element("button", "time", said.trim());
  button.type = "button";
  button.title = "show this moment";
  const t = (Number(hours ?? 0) * 60 + Number(minutes)) * 60 + Number(seconds);
  button.addEventListener("click", () => onSeek(t + 1));
  item.append(button, document.createTextNode(` ${line.slice(said.length)}`));
  return item;
}
