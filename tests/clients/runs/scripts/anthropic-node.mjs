import Anthropic from "@anthropic-ai/sdk";

const [mode, question] = process.argv.slice(2);
const client = new Anthropic();
const messages = [{ role: "user", content: question }];
const base = { model: process.env.ALIAS, max_tokens: 1024, messages };
if (mode === "plain") {
  console.log((await client.messages.create(base)).content[0].text);
} else if (mode === "stream") {
  console.log(await client.messages.stream(base).finalText());
} else {
  const input_schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  base.tools = [{ name: "weather", input_schema }];
  const first = await client.messages.create(base);
  const content = first.content
    .filter((block) => block.type === "tool_use")
    .map((call) => ({ type: "tool_result", tool_use_id: call.id, content: `sunny in ${call.input.city}` }));
  messages.push({ role: "assistant", content: first.content }, { role: "user", content });
  console.log((await client.messages.create(base)).content[0].text);
}
