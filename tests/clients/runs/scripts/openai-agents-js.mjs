import { Agent, run, setTracingDisabled, tool } from "@openai/agents";
import { z } from "zod";

const [mode, question] = process.argv.slice(2);
setTracingDisabled(true);
const weather = tool({
  name: "weather", description: "The weather of a city", parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});
const agent = new Agent({
  name: "assistant", model: process.env.ALIAS, tools: mode === "tool" ? [weather] : [],
});
if (mode === "stream") {
  const result = await run(agent, question, { stream: true });
  for await (const _ of result);
  await result.completed;
  console.log(result.finalOutput);
} else {
  console.log((await run(agent, question)).finalOutput);
}
