/**
 * What the tests of `Client` share: one on a network in memory, a scripted broker at the other end, and a clock that
 * stands still. It runs by itself, so a test waits for what the broker gets, and moves the clock only for time.
 */
import { Client, type ClientOptions, type CommonOptions } from "@minimqtt/client";
import { memory, type MemoryNetwork, type MemoryOptions } from "@minimqtt/client/memory";
import { FakeClock, settled } from "../../src/player/fake_clock.ts";
import { ScriptedBroker } from "../../src/peers/scripted_broker.ts";

export { settled };

/** CONNECT of the identifier `golden` with a clean session and 60 seconds of keep alive. */
export const CONNECT = "101200044d5154540402003c0006676f6c64656e";
/** The same that resumes a session. */
export const RESUME = "101200044d5154540400003c0006676f6c64656e";
/** CONNACK without a session, and with one. */
export const ACCEPTED = "20020000";
export const PRESENT = "20020100";

export interface Scene {
  readonly broker: ScriptedBroker;
  readonly clock: FakeClock;
  readonly network: MemoryNetwork;
}

export interface Stage extends Scene {
  readonly client: Client;
}

/** What a test may choose; the rest is as on every stage. */
export type Choice = Partial<CommonOptions> & {
  readonly session?: "clean" | "resume";
  readonly clientId?: string;
};

export function scene(networkOptions: MemoryOptions = {}): Scene {
  const network = memory(networkOptions);
  return { network, broker: new ScriptedBroker(() => network.accept()), clock: new FakeClock() };
}

/** Begins to connect to `broker.test`, as `golden`. */
export function connect(
  { network, clock }: Pick<Scene, "network" | "clock">,
  choice: Choice = {},
  brokers: Parameters<typeof Client.connect>[0] = "mqtt://broker.test",
): Promise<Client> {
  const options = { transport: network.transport, clock, random: () => 0, clientId: "golden", ...choice };
  return Client.connect(brokers, options as ClientOptions);
}

/** A client that is connected. */
export async function online(
  choice: Choice = {},
  connack: string = ACCEPTED,
  networkOptions: MemoryOptions = {},
): Promise<Stage> {
  const set = scene(networkOptions);
  const [client] = await Promise.all([connect(set, choice), set.broker.welcome(connack)]);
  return { ...set, client };
}

/** The connection breaks, time passes, and the client comes back. */
export async function comeBack({ broker, clock }: Scene, connack: string = ACCEPTED): Promise<void> {
  await broker.close();
  const welcome = broker.welcome(connack);
  await clock.advance(2000);
  await welcome;
  await settled();
}

/** Subscribes while the broker grants what is asked for, or answers with these codes. */
export async function answerSubscribe({ broker }: Scene, codes: string): Promise<string> {
  const packet = await broker.packet();
  if (!packet.startsWith("82")) throw new Error(`expected a SUBSCRIBE, got ${packet}`);
  // The identifier stands behind the remaining length of one byte.
  const id = packet.slice(4, 8);
  await broker.send(`90${(2 + codes.length / 2).toString(16).padStart(2, "0")}${id}${codes}`);
  return packet;
}

/** Ends a test: whatever the broker has not answered is given up. */
export async function end({ client, broker, clock }: Stage): Promise<void> {
  const closed = client.close({ drop: true });
  await Promise.all([clock.run(closed), broker.close().catch(() => {})]);
}

/** Whether a promise has settled once everything that can run without time has run. */
export async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  promise.then(() => done = true, () => done = true);
  await settled();
  return done;
}
