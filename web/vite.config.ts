import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { apiPage } from "./tools/api-page.ts";
import { exportViewer } from "./tools/export-viewer.ts";
import { precompress } from "./tools/precompress.ts";

const gateway = process.env.GATEWAY_URL ?? "http://127.0.0.1:8080";

/** The page is built without the rest of the project too, as in its container image. */
function version(): string {
  const project = new URL("../pyproject.toml", import.meta.url);
  return existsSync(project) ? (/^version = "(.+)"$/m.exec(readFileSync(project, "utf8"))?.[1] ?? "") : "";
}

export default defineConfig({
  define: { __VERSION__: JSON.stringify(version()) },
  plugins: [react(), tailwindcss(), apiPage(), exportViewer(), precompress()],
  // The client as it stands in the checkout; what it needs is installed here.
  resolve: {
    alias: { "@sharpstream/client": fileURLToPath(new URL("../clients/typescript/src/index.ts", import.meta.url)) },
    dedupe: ["openapi-fetch"],
  },
  build: {
    assetsInlineLimit: 0, // the CSP allows no data: addresses
    chunkSizeWarningLimit: 4000, // the viewer, which is loaded with the first scene that is looked at
    modulePreload: { polyfill: false }, // would be an inline script
  },
  server: { fs: { allow: [".."] }, proxy: { "/api": gateway, "/docs": gateway } },
  test: { include: ["src/**/*.test.ts", "export-viewer/**/*.test.ts"] },
});
