// The Anthropic SDK: messages, by its own accumulator.

import Anthropic from "@anthropic-ai/sdk"
import { messages, report } from "./scenarios.mjs"

const base = process.argv[2]
const request = { model: "m", max_tokens: 100, messages }
const client = (scenario) =>
  new Anthropic({ baseURL: `${base}/${scenario}`, apiKey: "x", maxRetries: 0, timeout: 20000 })

const message = (scenario) => client(scenario).messages.stream(request).finalMessage()

await report({
  messages: {
    conversation: message,
    pause: message,
    tool: message,
    error: async (scenario) => {
      const seen = []
      const stream = await client(scenario).messages.create({ ...request, stream: true })
      try {
        for await (const event of stream) seen.push(event.type)
      } catch (error) {
        return { seen, raised: error instanceof Anthropic.APIError, message: error.message, body: error.error }
      }
    },
    endless: async (scenario) => {
      const seen = []
      for await (const event of await client(scenario).messages.create({ ...request, stream: true })) {
        seen.push(event.type)
        if (seen.length === 5) break // aborts the request
      }
      return seen
    },
  },
})
