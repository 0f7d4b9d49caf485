import { expect, test } from "vitest";

import { exportSnippets, generateSnippets, listSnippets, sceneSnippets } from "./snippets";

const ORIGIN = "https://splats.example.com";
const ID = "0193a5b0-7c1e-7d34-9a52-3f0e8c1b2a47";

test("options are written as each language writes them", () => {
  const options = { up: "it's", bake: true, max_gaussians: 500_000 };
  const made = exportSnippets(ORIGIN, ID, "kitchen", { name: "glb_mesh", extension: ".glb" }, options);
  expect(made.curl).toContain(
    `-d '{"format":"glb_mesh","options":{"up":"it'\\''s","bake":true,"max_gaussians":500000}}'`,
  );
  expect(made.python).toContain(`"glb_mesh", options={"up": "it's", "bake": True, "max_gaussians": 500000})`);
  expect(made.javascript).toContain(`"glb_mesh", {"up":"it's","bake":true,"max_gaussians":500000})`);
  expect(made.cli).toBe(
    `sharpstream export ${ID} glb_mesh --option 'up=it'\\''s' --option bake=true --option max_gaussians=500000 -o kitchen.glb --url ${ORIGIN}\n`,
  );
  const plain = exportSnippets(ORIGIN, ID, "kitchen", { name: "spz", extension: ".spz" }, {});
  expect(plain.python).toContain(`client.export("${ID}", "spz")`);
  expect(plain.javascript).toContain(`client.export("${ID}", "spz")`);
});

test.each([
  ['"; rm -rf ~ #', "rm--rf.ply"],
  ["Küche 2", "Kuche-2.ply"],
  ["厨房", "scene.ply"],
  ["..", "scene.ply"],
  ["$(id)`id`", "id-id.ply"],
])("a scene called %s is saved under a name that no language reads as more", (name, file) => {
  for (const code of Object.values(sceneSnippets(ORIGIN, ID, name))) {
    expect(code).toContain(file);
    expect(code).not.toContain(name);
  }
});

test("a key comes from the environment", () => {
  for (const snippets of [sceneSnippets(ORIGIN, ID, "a"), generateSnippets(ORIGIN), listSnippets(ORIGIN)]) {
    expect(snippets.curl).toContain("$SHARPSTREAM_API_KEY");
    expect(snippets.python).toContain('os.environ["SHARPSTREAM_API_KEY"]');
    expect(snippets.javascript).toContain("process.env.SHARPSTREAM_API_KEY");
    expect(Object.values(snippets).join()).not.toContain("ss_");
  }
});
