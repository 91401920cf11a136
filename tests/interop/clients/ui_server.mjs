// The AI SDK's own server of UI messages, as text: what it makes of an OpenAI-compatible stream.

import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { streamText } from "ai"
import { report } from "./scenarios.mjs"

async function served(scenario) {
  const baseURL = `${process.argv[2]}/${scenario}/v1`
  const provider = createOpenAICompatible({ name: "eventwire", baseURL, apiKey: "x" })
  const result = streamText({ model: provider("m"), prompt: "Hi", maxRetries: 0, onError() {} })
  return result.toUIMessageStreamResponse().text()
}

await report({ ui: { conversation: served, pause: served, error: served } })
