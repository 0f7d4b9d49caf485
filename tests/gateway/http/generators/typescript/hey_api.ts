// Sends a photo with the client of @hey-api/openapi-ts: as an upload, since of two bodies it knows the JSON.
import { readFileSync } from "node:fs";
import { client } from "./generated/hey_api/client.gen";
import { createUpload, generateScene, getScene, listScenes } from "./generated/hey_api/sdk.gen";

const { URL: url, KEY: key, PHOTO: photo } = process.env as Record<string, string>;
client.setConfig({ baseUrl: url, auth: ({ type }) => (type === "apiKey" ? key : undefined), throwOnError: true });
const bytes = readFileSync(photo);
const { data: upload } = await createUpload({
  body: { bytes: bytes.length, media_type: "image/jpeg" },
  throwOnError: true,
});
const put = await fetch(upload.url, { method: upload.method, headers: upload.headers, body: bytes });
if (!put.ok) throw new Error(`the upload: ${put.status}`);
const { data: sent } = await generateScene({
  body: { upload_id: upload.upload_id, metadata: { room: "hall" }, focal_length_mm: 24 },
  throwOnError: true,
});
const { data: scene } = await getScene({ path: { generation_id: sent.generation_id }, throwOnError: true });
const { data: found } = await listScenes({ query: { limit: 1 }, throwOnError: true });
if (found.items[0].id !== scene.id) throw new Error("another scene");
const { error } = await getScene({
  path: { generation_id: "00000000-0000-0000-0000-000000000001" },
  throwOnError: false,
});
if (error?.code !== "not_found") throw new Error("a scene that is not there");
console.log(sent.generation_id);
