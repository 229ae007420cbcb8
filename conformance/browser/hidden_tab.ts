/**
 * Chromium with a tab that is really hidden, so that its timers are throttled as a user's are.
 *
 * Not by Playwright, which switches throttling off and lets every page believe that it is looked at.
 *
 * @module
 */

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { find } from "../../tools/system.ts";
import { atExit } from "../src/peers/at_exit.ts";
import { bundle } from "./bundle.ts";
import { serve } from "./serve.ts";

/** The page of `hidden_page.ts` in a tab. */
export interface Tab extends AsyncDisposable {
  /** Evaluates an expression in the page, and waits for what it promises. */
  evaluate(expression: string): Promise<unknown>;
  /** Opens another tab in front of it. */
  hide(): Promise<void>;
}

/**
 * Opens it. Five seconds after it was hidden its timers run once a minute, and not after five minutes as users have it.
 *
 * @throws {Error} when there is no Chromium.
 */
export async function openTab(): Promise<Tab> {
  const program = find("chromium");
  if (program === null) throw new Error("chromium is not installed: apt-get install chromium");
  const server = await serve({ "index.html": HTML, "page.js": await bundle("hidden_page.ts") });
  const profile = mkdtempSync(join(tmpdir(), "chromium-"));
  const browser = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: "ignore",
  });
  const ended = new Promise<void>((resolve) => browser.on("exit", () => resolve()));
  const remove = () => {
    browser.kill("SIGKILL");
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  atExit(remove);
  const control = `http://127.0.0.1:${await portOf(profile)}`;
  const open = async (url: string): Promise<{ readonly id: string; readonly webSocketDebuggerUrl: string }> =>
    await (await fetch(`${control}/json/new?${url}`, { method: "PUT" })).json();
  const { webSocketDebuggerUrl } = await open(server.url);
  const ask = await connect(webSocketDebuggerUrl);
  const evaluate = async (expression: string) => {
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails } = await ask("Runtime.evaluate", options);
    if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
    return result?.value;
  };
  while (await evaluate("typeof startClient") !== "function") await pause(50);
  return {
    evaluate,
    async hide() {
      const { id } = await open("about:blank");
      await fetch(`${control}/json/activate/${id}`);
      while (await evaluate("document.visibilityState") !== "hidden") await pause(50);
    },
    async [Symbol.asyncDispose]() {
      browser.kill("SIGTERM");
      await Promise.race([ended, pause(5000)]);
      remove();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The port that Chromium has chosen for whoever controls it. */
async function portOf(profile: string): Promise<number> {
  for (let attempt = 0;; attempt++) {
    try {
      const [port] = readFileSync(join(profile, "DevToolsActivePort"), "utf8").split("\n");
      if (port) return Number(port);
    } catch (error) {
      if (attempt > 600) throw error;
    }
    await pause(50);
  }
}

interface Answer {
  readonly result?: { readonly value?: unknown };
  readonly exceptionDetails?: unknown;
}

/** Speaks the protocol of Chromium's developer tools: a command, and its answer. */
async function connect(url: string): Promise<(method: string, params: object) => Promise<Answer>> {
  const socket = new WebSocket(url);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const waiting = new Map<number, (answer: Answer) => void>();
  socket.onmessage = ({ data }) => {
    const { id, result } = JSON.parse(String(data));
    waiting.get(id)?.(result);
    waiting.delete(id);
  };
  let id = 0;
  return (method, params) =>
    new Promise((resolve) => {
      waiting.set(++id, resolve);
      socket.send(JSON.stringify({ id, method, params }));
    });
}

function pause(time: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, time));
}

const HTML = `<!doctype html><title>hidden</title><script type="module" src="page.js"></script>`;

const FLAGS = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--remote-debugging-port=0",
  "--remote-allow-origins=*",
  "--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/5",
];
