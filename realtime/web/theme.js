// The colours of the style sheet for canvases; tells when the system switches between light and dark.

const dark = matchMedia("(prefers-color-scheme: dark)");
let colours = null;

export function colour(name) {
  if (colours === null) colours = { style: getComputedStyle(document.documentElement), known: new Map() };
  if (!colours.known.has(name)) colours.known.set(name, colours.style.getPropertyValue(`--${name}`).trim());
  return colours.known.get(name);
}

export function onTheme(change) {
  dark.addEventListener("change", () => {
    colours = null;
    change();
  });
}
