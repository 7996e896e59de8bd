// What the address of an overlay asks for: ?person=p1&labels=happiness,anger&layout=bars&size=28&words=1

const LAYOUTS = ["chips", "bars"];
const SMALLEST_PX = 10;
const LARGEST_PX = 200;
const KNOWN = ["person", "labels", "layout", "size", "words"];

// Returns the options, and in `trouble` a sentence for people about the first thing that is not understood.
export function readOptions(query) {
  const list = (text) => text.split(",").map((part) => part.trim()).filter(Boolean);
  const options = {
    person: query.get("person") || null,
    labels: query.get("labels") ? list(query.get("labels")) : null,
    layout: query.get("layout") ?? LAYOUTS[0],
    size: Number(query.get("size") ?? 20),
    words: query.get("words") === "1",
  };
  const stranger = [...query.keys()].find((name) => !KNOWN.includes(name));
  let trouble = "";
  if (stranger !== undefined) trouble = `“${stranger}” is not known; there are ${KNOWN.join(", ")}.`;
  else if (!LAYOUTS.includes(options.layout)) trouble = `layout is one of ${LAYOUTS.join(", ")}.`;
  else if (!(options.size >= SMALLEST_PX && options.size <= LARGEST_PX)) {
    trouble = `size lies between ${SMALLEST_PX} and ${LARGEST_PX} pixels.`;
    options.size = 20;
  } else if (!["0", "1"].includes(query.get("words") ?? "0")) trouble = "words is 0 or 1.";
  return { options, trouble };
}
