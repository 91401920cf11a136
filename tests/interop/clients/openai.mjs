// The openai SDK: chat completions and responses, by its own accumulators.

import OpenAI from "openai"
import { messages, report } from "./scenarios.mjs"

const base = process.argv[2]
const client = (scenario) =>
  new OpenAI({ baseURL: `${base}/${scenario}/v1`, apiKey: "x", maxRetries: 0, timeout: 20000 })

const chat = (scenario) =>
  client(scenario)
    .chat.completions.stream({ model: "m", messages, stream_options: { include_usage: true } })
    .finalChatCompletion()

const response = (scenario) =>
  client(scenario).responses.stream({ model: "m", input: "Hi" }).finalResponse()

async function payloads(stream, limit = Infinity) {
  const seen = []
  for await (const payload of stream) {
    seen.push(payload)
    if (seen.length === limit) break // aborts the request
  }
  return seen
}

await report({
  chat: {
    conversation: chat,
    pause: chat,
    tool: chat,
    failing_at_first: chat,
    error: async (scenario) => {
      const seen = []
      const stream = await client(scenario).chat.completions.create({ model: "m", messages, stream: true })
      try {
        for await (const chunk of stream) seen.push(chunk.choices[0].delta.content)
      } catch (error) {
        return { seen, raised: error instanceof OpenAI.APIError, message: error.message, body: error.error }
      }
    },
    endless: async (scenario) =>
      payloads(await client(scenario).chat.completions.create({ model: "m", messages, stream: true }), 5),
    chunks: async () =>
      payloads(await client("pause").chat.completions.create({ model: "m", messages, stream: true })),
  },
  responses: {
    conversation: response,
    pause: response,
    tool: response,
    failing_at_first: response,
    error: async (scenario) =>
      (await payloads(await client(scenario).responses.create({ model: "m", input: "Hi", stream: true }))).at(-1),
    endless: async (scenario) =>
      payloads(await client(scenario).responses.create({ model: "m", input: "Hi", stream: true }), 7),
  },
})
