/**
 * Tests of what a transport looks like, before the rules.
 *
 * @module
 */

import { UsageError } from "@minimqtt/core";
import type { Transport } from "@minimqtt/core";
import type { Arena, RuleCase } from "./arena.ts";

/** The cases of this file. */
export const shapeCases: readonly RuleCase[] = [
  {
    id: "0.1",
    name: "a transport has a name, schemes with ports, and connect",
    run(arena: Arena) {
      const problem = whyNoTransport(arena.fixture.transport);
      arena.check(problem === null, `it is no transport: ${problem}`);
      return Promise.resolve();
    },
  },
  {
    id: "0.2",
    name: "connect refuses an address that is secure, or plain, where no scheme is",
    async run(arena: Arena) {
      const { transport } = arena.fixture;
      const listener = await arena.listen();
      for (const secure of [true, false]) {
        if (transport.schemes.some((scheme) => scheme.secure === secure)) continue;
        const attempt = transport.connect({ ...listener.address, secure });
        const done = await arena.settles(attempt, `connect() with secure: ${secure}`);
        if ("value" in done) arena.keep(done.value);
        arena.check("error" in done, `connect() with secure: ${secure} resolved, and no scheme is`);
        const { error } = done;
        arena.check(
          error instanceof UsageError && error.code === "invalid-argument",
          `connect() with secure: ${secure} rejected with ${error}, expected UsageError invalid-argument`,
        );
      }
    },
  },
];

/** What keeps a value from being a transport, or null. */
export function whyNoTransport(value: unknown): string | null {
  if (typeof value === "function") return "it is a function; export what it returns";
  if (typeof value !== "object" || value === null) return `it is ${value === null ? "null" : typeof value}`;
  const { name, schemes, connect } = value as Partial<Record<keyof Transport, unknown>>;
  if (typeof name !== "string" || name === "") return "its name is no string with something in it";
  if (!Array.isArray(schemes) || schemes.length === 0) return "its schemes are no array with something in it";
  for (const scheme of schemes as Partial<Record<string, unknown>>[]) {
    const { name, port, secure } = scheme ?? {};
    const sound = typeof name === "string" && /^[a-z][a-z0-9+.-]*$/.test(name) &&
      typeof secure === "boolean" &&
      Number.isInteger(port) && Number(port) >= 1 && Number(port) <= 65_535;
    if (!sound) {
      return `its scheme ${
        JSON.stringify(scheme)
      } is not { name, port, secure }: a name in lower case without ` +
        "colon, a port of 1 to 65535, and a boolean";
    }
  }
  return typeof connect === "function" ? null : "it has no method connect";
}
