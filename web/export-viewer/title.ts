/** Return the title of a page at this address: its file's name, which the service gives after the scene. */
export function titleOf(address: string): string {
  const last = new URL(address).pathname.split("/").pop() ?? "";
  const name = decoded(last)
    .replace(/\.html?$/i, "")
    .replace(/\s+/g, " ")
    .trim();
  return name.slice(0, LONGEST) || "A 3D scene";
}

const LONGEST = 120;

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // bytes that are no UTF-8
  }
}
