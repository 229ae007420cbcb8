/**
 * What the tests of TLS share: a client that counts its attempts, and why a test has to be skipped.
 */
import { type ConnectionCode, ConnectionError, MMQTTException, MQTT, type Transport } from "@minimqtt/client";
import { tls, type TlsOptions } from "@minimqtt/transport-tls";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { it } from "@std/testing/bdd";
import { mosquittoMissing } from "../../src/peers/brokers.ts";
import { opensslMissing } from "../../src/peers/certificates.ts";
import type { Test } from "../../src/mod.ts";

const reason = mosquittoMissing() ?? opensslMissing();

/** Whether mosquitto and openssl are there. */
export const ready: boolean = reason === null;

/** As `it`, for tests that need mosquitto and openssl. */
export function test(name: string, run: () => Promise<void>): void {
  if (ready) it(name, run);
  else it.skip(`${name} (skipped: ${reason})`, run);
}

const unmade = opensslMissing();

/** As `it`, for suites that need openssl. */
export const certified: Test = Object.assign(
  (name: string, run: () => Promise<void>) =>
    unmade === null ? it(name, run) : it.skip(`${name} (skipped: ${unmade})`, run),
  { skip: it.skip },
);

/** A client, and how often it has dialled. */
export interface Attempts {
  readonly client: MQTT;
  count: number;
}

/** Makes a client over TLS that tries three times, at short intervals. */
export function attempts(options: TlsOptions, port: number, host = "localhost"): Attempts {
  return counted(tls(options), port, host);
}

/** Makes such a client over any transport. */
export function counted(transport: Transport, port: number, host = "localhost"): Attempts {
  const counting: Transport = {
    ...transport,
    connect(address, dial) {
      result.count++;
      return transport.connect(address, dial);
    },
  };
  const client = new MQTT({
    broker: host,
    port,
    transport: counting,
    connectRetries: 3,
    retryDelay: 0.01,
    socketTimeout: 20,
    recvTimeout: 25,
  });
  const result: Attempts = { client, count: 0 };
  return result;
}

/** Connects, publishes, gets it back, and disconnects. */
export async function works({ client }: Attempts): Promise<void> {
  const got: string[] = [];
  client.onMessage = (_client, _topic, message) => got.push(message);
  await client.connect();
  await client.subscribe("echo", 1);
  await client.publish("echo", "hello", false, 1);
  while (got.length === 0) await glance(client);
  await client.disconnect();
  assertEquals(got, ["hello"]);
}

/** Handles what has arrived, and waits a moment if nothing has. */
export async function glance(client: MQTT): Promise<void> {
  if (await client.loop(0) === null) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Connects in vain, and gives the error: of this code, with a text like this, after so many attempts. */
export async function fails(
  attempts: Attempts,
  code: ConnectionCode,
  text: RegExp,
  count = 1,
): Promise<ConnectionError> {
  const error = await assertRejects(() => attempts.client.connect(), MMQTTException);
  const causes = [error, error.cause, (error.cause as Error | undefined)?.cause];
  const found = causes.find((cause) => cause instanceof ConnectionError);
  assert(found !== undefined, `no ConnectionError behind ${error}`);
  assertEquals(found.code, code, found.message);
  assertMatch(found.message, text);
  assertEquals(attempts.count, count, "attempts");
  assert(!attempts.client.isConnected());
  return found;
}
