// openai-node's calls beside chats; prints what it got.
import { createReadStream } from "node:fs";

import OpenAI, { toFile } from "openai";

const { BASE_URL: baseURL, KEY: apiKey, SOUND } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const out = {};

const rows = await client.embeddings.create({ model: "any", input: ["a", "b"] }); // asks for base64
const plain = await client.embeddings.create({ model: "any", input: ["a", "b"], encoding_format: "float" });
out.embeddings = rows.data.map((row) => row.embedding.length);
out.encodings = JSON.stringify(rows.data) === JSON.stringify(plain.data);

const heard = await client.audio.transcriptions.create({ file: createReadStream(SOUND), model: "any" });
out.transcription = heard.text;
const file = await toFile(Buffer.from([1, 2, 3]), "é \"quoted\".wav");
out.named = (await client.audio.transcriptions.create({ file, model: "any", prompt: "é" })).text;

const image = await toFile(Buffer.from("x"), "a.png", { type: "image/png" });
out.edited = (await client.images.edit({ model: "any", image: [image, image], prompt: "a hat" })).data[0].b64_json !== "";
out.speech = (await (await client.audio.speech.create({ model: "any", input: "Hi", voice: "alloy" })).arrayBuffer()).byteLength;

out.completion = "";
for await (const chunk of await client.completions.create({ model: "any", prompt: "Hello", stream: true })) {
  out.completion += chunk.choices[0]?.text ?? "";
}

out.models = [];
for await (const model of client.models.list()) out.models.push(model.id);
out.one = (await client.models.retrieve("claude")).owned_by;

out.refused = {};
for (const [name, call] of [
  ["embeddings", () => client.embeddings.create({ model: "claude", input: "a" })],
  ["transcriptions", () => client.audio.transcriptions.create({ model: "claude", file })],
]) {
  try {
    await call();
  } catch (error) {
    out.refused[name] = [error.constructor.name, error.status, error.code, error.param];
  }
}
console.log(JSON.stringify(out));
