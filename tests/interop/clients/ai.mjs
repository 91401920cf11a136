// The AI SDK: `streamText` on the OpenAI-compatible provider, and its UI message stream.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { DefaultChatTransport, jsonSchema, readUIMessageStream, streamText, tool } from "ai"
import { report } from "./scenarios.mjs"

const base = process.argv[2]
const tools = { get_weather: tool({ inputSchema: jsonSchema({ type: "object" }) }) }

function answer(scenario, more = {}) {
  const provider = createOpenAICompatible({
    name: "eventwire",
    baseURL: `${base}/${scenario}/v1`,
    apiKey: "x",
    includeUsage: true,
  })
  return streamText({ model: provider("m"), prompt: "Hi", tools, maxRetries: 0, onError() {}, ...more })
}

async function text(scenario) {
  const result = answer(scenario)
  return {
    text: await result.text,
    finishReason: await result.finishReason,
    usage: await result.usage,
    toolCalls: await result.toolCalls,
  }
}

async function transported(scenario, abortSignal) {
  const transport = new DefaultChatTransport({ api: `${base}/${scenario}/ui` })
  return transport.sendMessages({
    chatId: "c",
    messages: [{ id: "1", role: "user", parts: [{ type: "text", text: "Hi" }] }],
    trigger: "submit-message",
    abortSignal,
  })
}

async function message(scenario) {
  const errors = []
  let last
  const stream = await transported(scenario)
  for await (const message of readUIMessageStream({ stream, onError: (e) => errors.push(e.message) }))
    last = message
  return { message: last, errors }
}

await report({
  chat: {
    conversation: text,
    pause: text,
    tool: text,
    error: async (scenario) => {
      const parts = []
      for await (const part of answer(scenario).fullStream) parts.push(part)
      return parts
    },
    endless: async (scenario) => {
      const controller = new AbortController()
      const seen = []
      for await (const part of answer(scenario, { abortSignal: controller.signal }).textStream) {
        seen.push(part)
        if (seen.length === 3) controller.abort()
      }
      return seen
    },
  },
  ui: {
    conversation: message,
    pause: message,
    tool: message,
    error: message,
    endless: async (scenario) => {
      const controller = new AbortController()
      const seen = []
      try {
        for await (const chunk of await transported(scenario, controller.signal)) {
          seen.push(chunk.type)
          if (seen.length === 5) controller.abort()
        }
      } catch (error) {
        if (error.name !== "AbortError") throw error
      }
      return seen
    },
  },
})
