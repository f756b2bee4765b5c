// openai-node's AzureOpenAI, and OpenAI behind every base URL; prints what they got.
import OpenAI, { AzureOpenAI } from "openai";

const { ROOT_URL: endpoint, KEY: apiKey } = process.env;
const messages = [{ role: "user", content: "Hi" }];
const given = { endpoint, apiKey, apiVersion: "2024-10-21", maxRetries: 0 };
const client = new AzureOpenAI(given);
const out = {};

const plain = await client.chat.completions.create({ model: "claude-prod", messages });
out.plain = plain.choices[0].message.content;

out.stream = "";
for await (const chunk of await client.chat.completions.create({ model: "claude-prod", messages, stream: true })) {
  out.stream += chunk.choices[0]?.delta?.content ?? "";
}

out.models = (await client.models.list()).data.some((model) => model.id === "claude-prod");

const mine = new AzureOpenAI({ ...given, deployment: "claude-prod" });
out.models &&= (await mine.models.retrieve("claude-prod")).id === "claude-prod";
const { data, response } = await mine.chat.completions.create({ model: "gpt-4o", messages }).withResponse();
out.deployment = [data.choices[0].message.content, response.headers.get("x-aisix-alias")];

try {
  await client.chat.completions.create({ model: "nobody", messages });
} catch (error) {
  out.error = [error.status, error.code];
}

out.bases = [];
for (const base of ["", "/v1", "/v1/", "/v1/v1", "/v1/chat/completions"]) {
  const other = new OpenAI({ baseURL: endpoint + base, apiKey, maxRetries: 0 });
  const done = await other.chat.completions.create({ model: "claude-prod", messages });
  out.bases.push(done.choices[0].message.content);
}

console.log(JSON.stringify(out));
