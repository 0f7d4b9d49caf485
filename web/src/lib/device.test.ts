import { expect, test } from "vitest";

import { device } from "./device";

const OF: [string | null, string][] = [
  ["Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0", "Firefox on Linux"],
  [
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36 Edg/148.0",
    "Edge on Windows",
  ],
  [
    "Mozilla/5.0 (Linux; Android 16) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0 Safari/537.36",
    "Chrome on Android",
  ],
  [
    "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1 (KHTML, like Gecko) Version/19.0 Safari/604.1",
    "Safari on iPhone",
  ],
  ["curl/8.9.1", "Curl"],
  ["python-httpx/0.28.1", "A Python program"],
  ["sharpstream/0.1.0", "Sharpstream's command line"],
  ["<script>", "An unknown program"],
  [null, "An unknown program"],
];

test.each(OF)("%s", (client, words) => expect(device(client)).toBe(words));
