// Many streamed Responses answers, from a file of {data}, through the accumulators of openai-node and
// of the AI SDK, without a socket; prints for each what they made of it: [{openai, ai}].
import { readFileSync } from "node:fs";
import { createOpenAI } from "@ai-sdk/openai";
import OpenAI from "openai";

const answering = (data) => async () =>
  new Response(data, { status: 200, headers: { "content-type": "text/event-stream" } });
const given = { baseURL: "http://gateway.test/v1", apiKey: "sk-test" };

async function byOpenai(data) {
  const client = new OpenAI({ ...given, maxRetries: 0, fetch: answering(data) });
  const texts = {};
  try {
    const stream = client.responses.stream({ model: "m", input: "x" });
    stream.on("response.output_text.delta", (event) => {
      texts[event.output_index] = event.snapshot;
    });
    const final = await stream.finalResponse();
    return { status: final.status, text: final.output_text, output: final.output, texts };
  } catch (error) {
    return { raised: error.constructor.name, code: error.code ?? null, message: error.message };
  }
}

async function byAi(data) {
  const model = createOpenAI({ ...given, fetch: answering(data) }).responses("m");
  const made = { text: "", thoughts: "", calls: [], errors: [], finish: null };
  try {
    const prompt = [{ role: "user", content: [{ type: "text", text: "x" }] }];
    const { stream } = await model.doStream({ prompt, providerOptions: { openai: { store: false } } });
    for await (const part of stream) {
      if (part.type === "text-delta") made.text += part.delta;
      else if (part.type === "reasoning-delta") made.thoughts += part.delta;
      else if (part.type === "tool-call") made.calls.push([part.toolCallId, part.toolName, part.input]);
      else if (part.type === "error") made.errors.push(String(part.error?.message ?? part.error));
      else if (part.type === "finish") made.finish = part.finishReason?.unified ?? part.finishReason;
    }
  } catch (error) {
    made.errors.push(`${error.constructor.name}: ${error.message}`);
  }
  return made;
}

const out = [];
for (const { data } of JSON.parse(readFileSync(process.argv[2], "utf8"))) {
  out.push({ openai: await byOpenai(data), ai: await byAi(data) });
}
console.log(JSON.stringify(out));
