// What the server still has of the time before the page was opened, put before what the page has seen itself.

import { ask } from "./resources.js";

// `people.panel(person)` gives a person's card.
export async function recall(people) {
  const answer = await ask("/v1/curves");
  if (answer === null) return;
  for (const [person, { t, values, present, confidence, abstained }] of Object.entries(answer.people)) {
    people.panel(person).remember({ t, values, present, sure: confidence, thin: abstained, step: answer.step_s[person] });
  }
}
