// Clients that know events but no protocol. Each gives [type, data] for all events of a stream, or
// leaves it after `limit` of them.

import { fetchEventSource } from "@microsoft/fetch-event-source"
import { EventSource } from "eventsource"
import { EventSourceParserStream } from "eventsource-parser/stream"
import { report } from "./scenarios.mjs"

const base = process.argv[2]
const paths = ["v1/chat/completions", "v1/responses", "v1/messages", "ui"]
const names = [
  "message", "message_start", "message_delta", "message_stop", "ping",
  "content_block_start", "content_block_delta", "content_block_stop",
  ...["created", "in_progress", "completed", "failed", "incomplete"].map((name) => `response.${name}`),
  ...["output_item.added", "output_item.done"].map((name) => `response.${name}`),
  ...["content_part.added", "content_part.done"].map((name) => `response.${name}`),
  ...["output_text.delta", "output_text.done"].map((name) => `response.${name}`),
  ...["delta", "done"].map((name) => `response.function_call_arguments.${name}`),
]

// It has a browser in mind.
globalThis.window ??= globalThis
globalThis.document ??= { hidden: false, addEventListener() {}, removeEventListener() {} }

const readers = {
  eventsource: (url, limit) =>
    new Promise((resolve, reject) => {
      const source = new EventSource(url)
      const seen = []
      const end = () => {
        source.close()
        resolve(seen)
      }
      const see = (event) => {
        seen.push([event.type, event.data])
        if (seen.length === limit) end()
      }
      for (const name of names) source.addEventListener(name, see)
      // Both an event of that name and the end of the connection.
      source.addEventListener("error", (event) => {
        if (event.data !== undefined) see(event)
        else if (event.code) reject(new Error(`${event.code} ${event.message}`))
        else end()
      })
    }),

  "eventsource-parser": async (url, limit) => {
    const controller = new AbortController()
    const response = await fetch(url, { method: "POST", signal: controller.signal })
    const events = response.body
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream())
    const seen = []
    for await (const event of events) {
      seen.push([event.event ?? "message", event.data])
      if (seen.length === limit) break
    }
    controller.abort()
    return seen
  },

  "fetch-event-source": async (url, limit) => {
    const controller = new AbortController()
    const seen = []
    await fetchEventSource(url, {
      method: "POST",
      signal: controller.signal,
      openWhenHidden: true,
      onmessage(event) {
        seen.push([event.event || "message", event.data])
        if (seen.length === limit) controller.abort()
      },
      onerror(error) {
        throw error
      },
    })
    return seen
  },
}

const results = {}
for (const [name, read] of Object.entries(readers)) {
  results[name] = {}
  for (const path of paths)
    for (const scenario of ["conversation", "pause", "tool", "error", "endless"])
      results[name][`${scenario}/${path}`] = () =>
        read(`${base}-${name}/${scenario}/${path}`, scenario === "endless" ? 8 : undefined)
}
await report(results)
