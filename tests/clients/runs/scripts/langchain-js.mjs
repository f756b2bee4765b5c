import { ToolMessage } from "@langchain/core/messages";
import { tool } from "@langchain/core/tools";
import { ChatOpenAI } from "@langchain/openai";
import { z } from "zod";

const [mode, question] = process.argv.slice(2);
const model = new ChatOpenAI({ model: process.env.ALIAS });
if (mode === "plain") {
  console.log((await model.invoke(question)).content);
} else if (mode === "stream") {
  let text = "";
  for await (const chunk of await model.stream(question)) text += chunk.content;
  console.log(text);
} else {
  const weather = tool(async ({ city }) => `sunny in ${city}`, {
    name: "weather", description: "The weather of a city", schema: z.object({ city: z.string() }),
  });
  const able = model.bindTools([weather]);
  const asked = { role: "user", content: question };
  const first = await able.invoke([asked]);
  const said = [];
  for (const call of first.tool_calls) {
    said.push(new ToolMessage({ content: await weather.invoke(call.args), tool_call_id: call.id }));
  }
  console.log((await able.invoke([asked, first, ...said])).content);
}
