import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";

const [mode, prompt] = process.argv.slice(2);
const aisix = createOpenAI();
const base = { model: aisix(process.env.ALIAS), prompt, maxRetries: 0, providerOptions: { openai: { store: false } } };
if (mode === "plain") {
  console.log((await generateText(base)).text);
} else if (mode === "stream") {
  let text = "";
  for await (const piece of streamText(base).textStream) text += piece;
  console.log(text);
} else {
  const weather = tool({
    description: "The weather of a city", inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `sunny in ${city}`,
  });
  console.log((await generateText({ ...base, tools: { weather }, stopWhen: stepCountIs(3) })).text);
}
