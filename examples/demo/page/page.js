// Both halves of the page: the chats through EventSource, the bursts through fetch.

const EVENTS = 50_000;
const WARM_UP = 2_000;
const NAMES = { eventwire: "eventwire", fastapi: "fastapi.sse" };
const NEWLINE = 10;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const fine = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const finer = new Intl.NumberFormat("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

/** Show one chat in its column; resolves when its EventSource is closed. */
function chat(card) {
  const answer = card.querySelector(".answer");
  const count = card.querySelector(".count");
  const state = card.querySelector(".state");
  const source = new EventSource(`/${card.dataset.library}/chat`);
  const start = performance.now();
  let events = 0;
  answer.textContent = "";
  count.textContent = "0";
  state.textContent = "streaming";
  card.dataset.state = "open";

  return new Promise((resolve) => {
    // An EventSource left open asks again when the response ends.
    const close = (why) => {
      source.close();
      card.dataset.state = source.readyState === EventSource.CLOSED ? "closed" : "open";
      state.textContent = why;
      resolve();
    };
    const counted = () => {
      events += 1;
      count.textContent = whole.format(events);
    };
    source.addEventListener("message", (event) => {
      counted();
      answer.append(JSON.parse(event.data).text);
    });
    source.addEventListener("done", (event) => {
      counted();
      close(`closed by ${event.data} after ${fine.format((performance.now() - start) / 1000)} s`);
    });
    source.addEventListener("error", () => close("connection lost"));
  });
}

async function ask(button) {
  button.disabled = true;
  await Promise.all([...document.querySelectorAll("article")].map(chat));
  button.disabled = false;
}

/** Read a burst to its end; count events, which end in an empty line, and bytes. */
async function read(library, n) {
  const response = await fetch(`/${library}/burst?n=${n}`, { cache: "no-store" });
  const reader = response.body.getReader();
  let events = 0;
  let bytes = 0;
  let last = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    for (const byte of value) {
      if (byte === NEWLINE && last === NEWLINE) events += 1;
      last = byte;
    }
    bytes += value.length;
  }
  if (events !== n) throw new Error(`${NAMES[library]} sent ${events} of ${n} events`);
  return bytes;
}

async function serverCpu() {
  return (await (await fetch("/cpu", { cache: "no-store" })).json()).seconds;
}

async function measure(library) {
  await read(library, WARM_UP);
  const cpu = await serverCpu();
  const start = performance.now();
  const bytes = await read(library, EVENTS);
  const seconds = (performance.now() - start) / 1000;
  return { bytes, rate: EVENTS / seconds, cost: (((await serverCpu()) - cpu) / EVENTS) * 1e6 };
}

/** Draw one bar for each library, on a linear scale from zero. */
function draw(figure, values, format) {
  const most = Math.max(...Object.values(values));
  const rows = Object.entries(values).map(([library, value]) => {
    const row = document.createElement("li");
    row.dataset.library = library;
    row.innerHTML = `
      <div class="legend"><span></span><b></b></div>
      <div class="track" aria-hidden="true"><div class="fill"></div></div>`;
    row.querySelector("span").textContent = NAMES[library];
    row.querySelector("b").textContent = format.format(value);
    row.querySelector(".fill").style.width = `${(value / most) * 100}%`;
    return row;
  });
  figure.querySelector("ul").replaceChildren(...rows);
}

async function run(button, summary) {
  button.disabled = true;
  try {
    const results = {};
    for (const library of Object.keys(NAMES)) {
      summary.textContent = `Reading ${whole.format(EVENTS)} events from ${NAMES[library]} …`;
      results[library] = await measure(library);
    }
    const each = (key) =>
      Object.fromEntries(Object.entries(results).map(([library, got]) => [library, got[key]]));
    draw(document.querySelector("#cost"), each("cost"), finer);
    draw(document.querySelector("#rate"), each("rate"), whole);
    const { eventwire, fastapi } = results;
    const times = fine.format(fastapi.cost / eventwire.cost);
    const size = (got) => `${fine.format(got.bytes / 1e6)} MB`;
    const sizes = eventwire.bytes === fastapi.bytes
      ? `Same ${size(eventwire)} from both`
      : `${size(eventwire)} from eventwire, ${size(fastapi)} from fastapi.sse`;
    summary.textContent =
      `Each event took ${times} times as much server CPU through fastapi.sse. ` +
      `${sizes}, linear scales.`;
  } catch (error) {
    summary.textContent = `The burst failed: ${error.message}`;
  } finally {
    button.disabled = false;
  }
}

const askButton = document.querySelector("#ask");
const runButton = document.querySelector("#run");
askButton.addEventListener("click", () => ask(askButton));
runButton.addEventListener("click", () => run(runButton, document.querySelector("#summary")));
ask(askButton);
