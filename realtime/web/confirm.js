// A button that asks whether it is meant: its dialog's button of the same value says yes, all else says no.

export function confirmed(button, dialog, act) {
  const question = document.getElementById(dialog);
  document.getElementById(button).addEventListener("click", () => {
    question.returnValue = ""; // Escape leaves the answer as it is
    question.showModal();
  });
  question.addEventListener("close", () => {
    if (question.returnValue === button) act();
  });
}
