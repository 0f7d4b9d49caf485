import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

import { apiPage } from "./tools/api-page.ts";
import { precompress } from "./tools/precompress.ts";

const gateway = process.env.GATEWAY_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react(), tailwindcss(), apiPage(), precompress()],
  build: {
    assetsInlineLimit: 0, // the CSP allows no data: addresses
    chunkSizeWarningLimit: 4000, // the viewer, which is loaded with the first scene that is looked at
    modulePreload: { polyfill: false }, // would be an inline script
  },
  server: { proxy: { "/api": gateway, "/docs": gateway } },
  test: { include: ["src/**/*.test.ts"] },
});
