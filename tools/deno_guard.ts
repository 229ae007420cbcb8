// Preloaded into every test module on Deno. Deno's node:test hides errors that nobody caught, such as one thrown by a
// timer or at the top level of a module whose tests are registered already: the run passes. This makes it fail.
interface Events {
  addEventListener(type: string, listener: (event: { error?: unknown; reason?: unknown }) => void): void;
}
const events = globalThis as unknown as Events;
const uncaught: unknown[] = [];
events.addEventListener("error", (event) => uncaught.push(event.error));
events.addEventListener("unhandledrejection", (event) => uncaught.push(event.reason));
// What is thrown here Deno reports as an error of the module.
events.addEventListener("unload", () => {
  if (uncaught.length > 0) throw uncaught[0];
});
