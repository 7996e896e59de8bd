// What the server has besides the feed, asked for with the page's token: a recording, pictures, curves, a summary.

let shown = null;

export function use(token) {
  shown = token;
}

// The answer to a request for `path`, or null where there is none.
export async function ask(path) {
  if (!shown) return null;
  try {
    const answer = await fetch(path, { headers: { Authorization: `Bearer ${shown}` } });
    return answer.ok ? await answer.json() : null;
  } catch {
    return null; // the server is gone; the connection says so
  }
}
