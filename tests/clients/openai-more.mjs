// The OpenAI SDK for Node: a streamed tool loop, a parsed answer, headers, classes of errors, a cut stream.
import OpenAI from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";

const options = { baseURL: process.env.BASE_URL, maxRetries: 0 };
const client = new OpenAI({ ...options, apiKey: process.env.KEY });
const ask = (text) => [{ role: "user", content: text }];
const out = {};

const tools = [
  {
    type: "function",
    function: {
      name: "weather",
      description: "The weather of a city",
      parse: JSON.parse,
      function: ({ city }) => `sunny in ${city}`,
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const runner = client.chat.completions.runTools({
  model: "claude-46",
  messages: ask("standin:two-tools What is the weather?"),
  stream: true,
  tools,
});
out.runToolsStreamed = await runner.finalContent();
out.toolMessages = runner.messages.filter((m) => m.role === "tool").length;

const Person = z.object({ name: z.string(), age: z.number() });
const parsed = await client.chat.completions.parse({
  model: "claude-46",
  messages: ask("Who?"),
  response_format: zodResponseFormat(Person, "person"),
});
out.parsed = parsed.choices[0].message.parsed;

const { data, response, request_id } = await client.chat.completions
  .create({ model: "claude-new", messages: ask("Hello"), temperature: 1 })
  .withResponse();
out.headers = [
  data.choices[0].message.content,
  response.headers.get("x-aisix-warnings"),
  request_id === response.headers.get("x-request-id"),
];

const kinds = {};
for (const [name, key, model] of [
  ["auth", "sk-nobody", "claude-prod"],
  ["forbidden", process.env.KEY, "claude-secret"],
  ["missing", process.env.KEY, "no-such-alias"],
]) {
  try {
    await new OpenAI({ ...options, apiKey: key }).chat.completions.create({ model, messages: ask("q") });
  } catch (error) {
    kinds[name] = [error.constructor.name, error.status, error.code, error.param];
  }
}
out.kinds = kinds;

try {
  const stream = await client.chat.completions.create({
    model: "claude-prod",
    messages: ask("standin:cut"),
    stream: true,
  });
  for await (const _ of stream);
  out.cut = "ended as if whole";
} catch (error) {
  out.cut = [error instanceof OpenAI.APIError, error.code];
}
console.log(JSON.stringify(out));
