/**
 * Modules that somebody else wrote, as fixtures: what `--transport` takes.
 *
 * @module
 */

import type { Transport } from "@minimqtt/core";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { tcpFixture } from "../fixtures/tcp.ts";
import { whyNoTransport } from "../transport/rule_00_shape.ts";
import type { TransportFixture } from "../transport/fixture.ts";

/** A module cannot be tested; the message says what it lacks and what to do. */
export class FixtureError extends Error {
  /** The class, for logs. */
  override readonly name = "FixtureError";
}

/**
 * Loads a module, given by its path or as it would stand in an import, and makes a fixture of what it exports: `fixture`,
 * or a plain `transport` (or default) that dials host and port over TCP.
 *
 * @throws {FixtureError} when it cannot be loaded, or exports neither.
 */
export async function loadFixture(path: string): Promise<TransportFixture> {
  const isFile = /^[./\\]|^[A-Za-z]:[\\/]|\.[cm]?[jt]s$/.test(path) && !/^[a-z]+:\/\//.test(path);
  if (isFile && !existsSync(path)) throw new FixtureError(`there is no file ${path}`);
  let module: Record<string, unknown>;
  try {
    module = await import(isFile ? pathToFileURL(resolve(path)).href : path);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new FixtureError(`${path} cannot be loaded: ${text}`, { cause: error });
  }
  return fixtureOf(path, module);
}

/**
 * The fixture in what a module exports; `path` names the module in messages.
 *
 * @throws {FixtureError} when there is none.
 */
export function fixtureOf(path: string, module: Readonly<Record<string, unknown>>): TransportFixture {
  if (module.fixture !== undefined) return checkFixture(path, module.fixture);
  const name = module.transport !== undefined ? "transport" : "default";
  const value = module[name];
  if (value === undefined) {
    const found = Object.keys(module).join(", ") || "nothing";
    throw new FixtureError(
      `${path} exports ${found}; expected \`transport\` (or a default export), a Transport that dials host and port, ` +
        "or `fixture`, a TransportFixture that brings its own listener",
    );
  }
  const problem = whyNoTransport(value);
  if (problem !== null) throw new FixtureError(`${path} exports a ${name} that is no Transport: ${problem}`);
  const transport = value as Transport;
  if (transport.schemes[0].secure) {
    throw new FixtureError(
      `the transport ${transport.name} of ${path} encrypts, so plain TCP is no peer for it: export a \`fixture\` whose ` +
        "listen() speaks what the transport speaks",
    );
  }
  return tcpFixture(transport);
}

function checkFixture(path: string, value: unknown): TransportFixture {
  const fixture = value as Partial<Record<keyof TransportFixture, unknown>> | null;
  if (typeof fixture !== "object" || fixture === null) {
    throw new FixtureError(`${path} exports a fixture that is no object`);
  }
  const problem = whyNoTransport(fixture.transport);
  if (problem !== null) throw new FixtureError(`the fixture of ${path} has no Transport: ${problem}`);
  if (typeof fixture.listen !== "function") {
    throw new FixtureError(
      `the fixture of ${path} has no method listen, which makes the other end of connections`,
    );
  }
  return value as TransportFixture;
}
