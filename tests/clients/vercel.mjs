// The Vercel AI SDK with its OpenAI-compatible provider: text, stream, tools, object.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const provider = createOpenAICompatible({
  name: "aisix",
  baseURL: process.env.BASE_URL,
  apiKey: process.env.KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider("claude-new");
const out = {};

const plain = await generateText({ model, prompt: "Hello", maxRetries: 0 });
out.text = [plain.text, plain.finishReason, plain.usage.totalTokens > 0];

const stream = streamText({ model, prompt: "Hello there", maxRetries: 0 });
let text = "";
for await (const piece of stream.textStream) text += piece;
out.stream = [text, (await stream.usage).totalTokens > 0];

const tools = {
  weather: tool({
    description: "The weather of a city",
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  }),
};
const used = await generateText({
  model,
  tools,
  prompt: "standin:tool What is the weather?",
  stopWhen: stepCountIs(3),
  maxRetries: 0,
});
out.tools = used.text;

const schema = z.object({ name: z.string(), age: z.number() });
const object = await generateObject({ model, schema, prompt: "Who?", maxRetries: 0 });
out.object = object.object;

const streamed = streamText({
  model,
  tools,
  prompt: "standin:two-tools What is the weather?",
  stopWhen: stepCountIs(3),
  maxRetries: 0,
});
let said = "";
for await (const piece of streamed.textStream) said += piece;
out.streamedTools = await streamed.text;

const thought = await generateText({ model, prompt: "standin:thinking Why?", maxRetries: 0 });
out.reasoning = thought.reasoningText;

try {
  await generateText({ model, prompt: "standin:status-402", maxRetries: 0 });
} catch (error) {
  out.failed = [error.statusCode, error.responseHeaders?.["x-should-retry"] !== "false"];
}
console.log(JSON.stringify(out));
