// The keyboard: space plays and pauses a recording, arrows move by five seconds, m marks the moment that is shown.

const STEP_S = 5;
const WRITES = "input, textarea, select, [contenteditable]";
const PRESSES = "button, summary, a, audio, video";

// `does` has `toggle()`, `step(seconds)` and `mark()`.
export function listen(does) {
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
    if (target.closest(WRITES) || document.querySelector("dialog[open]")) return;
    if (key === " " && !target.closest(PRESSES)) does.toggle();
    else if (key === "ArrowLeft") does.step(-STEP_S);
    else if (key === "ArrowRight") does.step(STEP_S);
    else if (key === "m") does.mark();
    else return;
    event.preventDefault();
  });
}
