// Sends a photo with the client that openapi-generator makes for fetch, and reads the scene and an error.
import { readFileSync } from "node:fs";
import { Configuration, ResponseError, ScenesApi } from "./generated/openapi_generator";

const { URL: url, KEY: key, PHOTO: photo } = process.env as Record<string, string>;
const scenes = new ScenesApi(new Configuration({ basePath: url, apiKey: key }));
const image = new File([readFileSync(photo)], "kitchen.jpg", { type: "image/jpeg" });
const sent = await scenes.generateScene({ image, metadata: '{"room": "hall"}', focalLengthMm: 24 });
const scene = await scenes.getScene({ generationId: sent.generationId });
const found = await scenes.listScenes({ limit: 1 });
if (found.items[0].id !== scene.id || scene.name !== "kitchen.jpg") throw new Error("another scene");
const missing = await scenes
  .getScene({ generationId: "00000000-0000-0000-0000-000000000001" })
  .catch((error: ResponseError) => error.response.status);
if (missing !== 404) throw new Error("a scene that is not there");
console.log(sent.generationId);
