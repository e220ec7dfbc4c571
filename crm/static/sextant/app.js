// Everything here makes a page that already works smoother; nothing depends on it.

const YEAR = 31536000;

function remember(name, value) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `${name}=${value}; Path=/; Max-Age=${YEAR}; SameSite=Lax${secure}`;
}

/** Apply a theme at once; the form's own request then stores it. */
async function switchTheme(event) {
  const form = event.target.closest("[data-theme-form]");
  if (!form || !event.submitter || form.dataset.plain) return;
  event.preventDefault();
  const theme = event.submitter.value;
  const answer = await fetch(form.action, {
    method: "POST",
    body: new FormData(form, event.submitter),
    redirect: "manual",
  });
  if (answer.type !== "opaqueredirect" && !answer.ok) {
    form.dataset.plain = "yes"; // let the browser show what the server has to say
    form.requestSubmit(event.submitter);
    return;
  }
  document.documentElement.dataset.theme = theme;
  for (const button of form.querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.value === theme));
  }
}

function closeMenus(except) {
  for (const menu of document.querySelectorAll("details[data-menu][open]")) {
    if (!menu.contains(except)) menu.open = false;
  }
}

function onEscape() {
  const menu = document.querySelector("details[data-menu][open]");
  if (menu) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const drawer = document.getElementById("nav-drawer");
  if (drawer?.checked) {
    drawer.checked = false;
    drawer.focus();
  }
}

function isTyping(target) {
  return target.closest("input:not([type=checkbox], [type=radio]), select, textarea, [contenteditable]");
}

function onKey(event) {
  if (event.key === "Escape") onEscape();
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "/") {
    event.preventDefault();
    (document.querySelector("main [data-search]") ?? document.querySelector("[data-search]"))?.focus();
  }
}

/** A composer sends on Ctrl+Enter. */
function onComposerKey(event) {
  const form = event.target.closest?.("form[data-composer]");
  if (form && event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
}

/** Selects and checkboxes of a filter row apply themselves; without script its button does. */
function onFilterChange(event) {
  const form = event.target.closest("form[data-autosubmit]");
  if (form && !event.target.matches("[type=search], [type=text]")) form.requestSubmit();
}

/** What somebody asked for and a part of the page can't have, the browser asks for as a page of its own. */
function onRefusal(event) {
  const { elt, requestConfig, xhr } = event.detail;
  const isMeant = ["click", "submit"].includes(requestConfig.triggeringEvent?.type);
  if (isMeant && elt.matches("a[href]")) location.assign(elt.href);
  if (isMeant && elt.matches("form") && xhr.status === 401) elt.submit(); // nothing was done yet
}

document.addEventListener("htmx:responseError", onRefusal);
document.addEventListener("submit", switchTheme);
document.addEventListener("click", (event) => closeMenus(event.target));
document.addEventListener("keydown", onKey);
document.addEventListener("keydown", onComposerKey);
document.addEventListener("change", onFilterChange);
document.getElementById("nav-fold")?.addEventListener("change", (event) => {
  remember("nav", event.target.checked ? "folded" : "open");
});
