// Runs a client's functions through the scenarios and prints what each came to, as JSON.

export async function report(protocols) {
  const results = {}
  for (const [protocol, scenarios] of Object.entries(protocols)) {
    results[protocol] = {}
    for (const [name, run] of Object.entries(scenarios)) {
      try {
        results[protocol][name] = await run(name)
      } catch (error) {
        const { message, type, code, status, error: body } = error
        results[protocol][name] = { raised: error.constructor.name, message, type, code, status, body }
      }
    }
  }
  process.stdout.write(JSON.stringify(results), () => process.exit(0))
}

export const messages = [{ role: "user", content: "Hi" }]
