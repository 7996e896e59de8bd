// The consent notice, shown before anything is captured: the text that entries of the consent ledger refer to.

import { element, setText } from "./dom.js";

const byId = (id) => document.getElementById(id);

// Shows the notice. Resolves to it; rejects when it cannot be fetched; then nobody can agree.
export async function showNotice() {
  const answer = await fetch("/notice.json");
  if (!answer.ok) throw new Error("The notice cannot be had: nothing is captured.");
  const notice = await answer.json();
  byId("notice-text").replaceChildren(...paragraphs(notice.text));
  byId("notice-others").replaceChildren(...paragraphs(notice.others));
  byId("notice-others").hidden = byId("others-title").hidden = false;
  setText(byId("notice-version"), `Purpose: ${notice.purpose}. Text ${notice.version}.`);
  setText(byId("purpose"), notice.purpose);
  byId("notice-state").hidden = true;
  return notice;
}

// Lines are as wide as the page, not as the terminal for which the text was broken.
function paragraphs(text) {
  return text.split("\n\n").map((part) => element("p", "", part.replaceAll("\n", " ")));
}
