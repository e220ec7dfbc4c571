// Editing a field in its place: the control has the focus, leaving it saves, Escape reverts.

function onSwap(event) {
  const form = event.target.querySelector?.("form[data-inline]") ?? event.target.closest?.("form[data-inline]");
  form?.querySelector("input:not([type=hidden]), select, textarea")?.focus();
}

function onKey(event) {
  const form = event.target.closest?.("form[data-inline]");
  if (form && event.key === "Escape") {
    event.stopPropagation();
    form.dataset.left = "1";
    form.querySelector("[data-cancel]").click();
  }
}

/** Leaving the form saves what was changed; a step to its own buttons is no leaving. */
function onLeave(event) {
  const form = event.target.closest?.("form[data-inline]");
  if (!form || form.dataset.left || form.contains(event.relatedTarget)) return;
  form.dataset.left = "1";
  const control = form.querySelector("input:not([type=hidden]), select, textarea");
  const isChanged =
    control.tagName === "SELECT"
      ? [...control.options].some((option) => option.selected !== option.defaultSelected)
      : control.value !== control.defaultValue;
  if (isChanged) form.requestSubmit();
  else form.querySelector("[data-cancel]").click();
}

/** What has been sent is not sent again when the answer takes the form away. */
function onSubmit(event) {
  if (event.target.matches("form[data-inline]")) event.target.dataset.left = "1";
}

document.addEventListener("htmx:afterSwap", onSwap);
document.addEventListener("submit", onSubmit, true);
document.addEventListener("keydown", onKey);
document.addEventListener("focusout", onLeave);
