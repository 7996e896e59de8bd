// A button with a dialog that asks again: only the dialog's button with the given value confirms.

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
