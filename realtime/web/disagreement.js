// Where the modalities contradict each other: one says that a label is there, another that it is far from it.

import { MODALITIES } from "./history.js";

const APART = 0.4;
const SPAN_S = 1;

// What the peers said on average in the second before estimate `number`: [label][modality] or null.
function peersBefore(history, number) {
  const since = history.time(number) - SPAN_S;
  const sums = history.labels.map(() => MODALITIES.map(() => [0, 0]));
  for (let n = number; n >= history.first && history.time(n) >= since; n -= 1) {
    history.read(n).peers.forEach((said, index) =>
      said.forEach((value, m) => {
        if (value === null) return;
        sums[index][m][0] += value;
        sums[index][m][1] += 1;
      }),
    );
  }
  return sums.map((row) => row.map(([sum, count]) => (count ? sum / count : null)));
}

// The strongest contradiction as { label, high, low, by } with the names of two modalities, or null.
export function disagreement(history, number, thresholds) {
  return strongest(peersBefore(history, number), history.labels, thresholds);
}

// The same of one estimate as the feed says it.
export function disagreementIn(message, labels, thresholds) {
  const said = labels.map((label) => MODALITIES.map((name) => message.peers[name]?.[label] ?? null));
  return strongest(said, labels, thresholds);
}

function strongest(peers, labels, thresholds) {
  let worst = null;
  peers.forEach((said, index) => {
    const there = said.map((value, m) => [value, MODALITIES[m]]).filter(([value]) => value !== null);
    if (there.length < 2) return;
    there.sort((a, b) => a[0] - b[0]);
    const [[low, lowName], [high, highName]] = [there[0], there.at(-1)];
    const threshold = thresholds[labels[index]];
    const by = high - low;
    if (by < APART || high < threshold || low >= threshold || (worst && worst.by >= by)) return;
    worst = { label: labels[index], high: highName, low: lowName, by };
  });
  return worst;
}
