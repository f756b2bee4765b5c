import OpenAI from "openai";

const [mode, question] = process.argv.slice(2);
const client = new OpenAI();
const base = { model: process.env.ALIAS, messages: [{ role: "user", content: question }] };
if (mode === "plain") {
  console.log((await client.chat.completions.create(base)).choices[0].message.content);
} else if (mode === "stream") {
  console.log(await client.chat.completions.stream(base).finalContent());
} else {
  const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
  const weather = {
    name: "weather", description: "The weather of a city", parse: JSON.parse, parameters,
    function: ({ city }) => `sunny in ${city}`,
  };
  const tools = [{ type: "function", function: weather }];
  console.log(await client.chat.completions.runTools({ ...base, tools }).finalContent());
}
