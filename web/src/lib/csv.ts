/** What a spreadsheet takes for a formula, by its first character (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

type Value = string | number | null | undefined;

/** Return rows as CSV (RFC 4180). A text that a spreadsheet would compute begins with an apostrophe, so it is shown. */
export function csv(names: string[], rows: Value[][]): string {
  return [names, ...rows].map((row) => row.map(cell).join(",")).join("\r\n") + "\r\n";
}

function cell(value: Value): string {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = typeof value === "string" && FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** Give the browser a file to keep. */
export function saveCsv(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv;charset=utf-8" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
