/** What a program calls itself, in a few words: "Firefox on Linux". Versions and the rest of it say nothing to people. */
const PROGRAMS: [RegExp, string][] = [
  [/sharpstream/i, "Sharpstream's command line"],
  [/Edg(e|A|iOS)?\//, "Edge"],
  [/OPR\/|Opera/, "Opera"],
  [/SamsungBrowser\//, "Samsung Internet"],
  [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\/|Chromium\//, "Chrome"],
  [/Safari\//, "Safari"],
  [/curl\//i, "curl"],
  [/python|httpx|aiohttp/i, "a Python program"],
];
const SYSTEMS: [RegExp, string][] = [
  [/iPhone/, "iPhone"],
  [/iPad/, "iPad"],
  [/Android/, "Android"],
  [/Windows/, "Windows"],
  [/Mac OS X|Macintosh/, "a Mac"],
  [/CrOS/, "ChromeOS"],
  [/Linux|X11/, "Linux"],
];

export function device(client: string | null | undefined): string {
  if (!client) return "An unknown program";
  const found = (list: [RegExp, string][]) => list.find(([rule]) => rule.test(client))?.[1];
  const program = found(PROGRAMS);
  const system = found(SYSTEMS);
  const words = program && system ? `${program} on ${system}` : (program ?? (system ? `A program on ${system}` : null));
  return words ? words[0]?.toUpperCase() + words.slice(1) : "An unknown program";
}
