import OpenAI from "openai";

const [mode, question] = process.argv.slice(2);
const client = new OpenAI();
const base = { model: process.env.ALIAS, input: question, store: false };
if (mode === "plain") {
  console.log((await client.responses.create(base)).output_text);
} else if (mode === "stream") {
  console.log((await client.responses.stream(base).finalResponse()).output_text);
} else {
  const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const tools = [{ type: "function", name: "weather", strict: false, parameters }];
  const input = [{ role: "user", content: question }];
  const first = await client.responses.create({ ...base, tools, input });
  input.push(...first.output);
  for (const item of first.output.filter((one) => one.type === "function_call")) {
    const output = `sunny in ${JSON.parse(item.arguments).city}`;
    input.push({ type: "function_call_output", call_id: item.call_id, output });
  }
  console.log((await client.responses.create({ ...base, tools, input })).output_text);
}
