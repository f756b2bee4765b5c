// The official OpenAI SDK for Node: create, stream, stream helper, runTools, an error.
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.KEY, maxRetries: 0 });
const ask = (text) => [{ role: "user", content: text }];
const out = {};

const plain = await client.chat.completions.create({ model: "claude-prod", messages: ask("Hello") });
out.plain = [plain.object, plain.model, plain.choices[0].message.content, plain.choices[0].finish_reason];
out.usage = plain.usage.total_tokens === plain.usage.prompt_tokens + plain.usage.completion_tokens;

let text = "";
let last = null;
const stream = await client.chat.completions.create({
  model: "claude-prod",
  messages: ask("standin:unicode"),
  stream: true,
  stream_options: { include_usage: true },
});
for await (const chunk of stream) {
  text += chunk.choices[0]?.delta?.content ?? "";
  last = chunk;
}
out.stream = [text, last.usage.total_tokens > 0];

const helper = client.chat.completions.stream({ model: "claude-prod", messages: ask("Hello again") });
out.helper = (await helper.finalChatCompletion()).choices[0].message.content;

const runner = client.chat.completions.runTools({
  model: "claude-new",
  messages: ask("standin:tool What is the weather?"),
  tools: [
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
  ],
});
out.runTools = await runner.finalContent();

try {
  await client.chat.completions.create({ model: "claude-prod", messages: ask("standin:status-429") });
} catch (error) {
  out.error = [error instanceof OpenAI.RateLimitError, error.status, error.code];
}
console.log(JSON.stringify(out));
