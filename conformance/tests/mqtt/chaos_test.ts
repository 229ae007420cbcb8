/**
 * Calls of every kind, at any time, in and out of callbacks, against a broker that answers late, not at all, floods
 * and breaks off. Nothing may hang, and the rules hold whatever happens. A failure names its seed.
 */
import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException } from "@minimqtt/client";
import type { MemoryConnection, MemoryNetwork } from "@minimqtt/client/memory";
import { fromHex, toHex } from "../../src/wire/bytes.ts";
import { type Stage, stage } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

const SEEDS = 30;
const mine = new Error("mine");

/** A number from 0 up to `limit`, the same ones for the same seed. */
type Pick = (limit: number) => number;

function random(seed: number): Pick {
  let state = seed * 0x9e3779b9 | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Answers what it likes to; its messages count from 0 on. */
class Broker {
  readonly #pick: Pick;
  #messages = 0;

  constructor(network: MemoryNetwork, pick: Pick) {
    this.#pick = pick;
    this.#serve(network);
  }

  async #serve(network: MemoryNetwork): Promise<void> {
    for (;;) this.#talk(await network.accept());
  }

  async #talk(connection: MemoryConnection): Promise<void> {
    let writing: Promise<unknown> = Promise.resolve();
    const send = (hex: string) => {
      if (hex !== "") writing = writing.then(() => connection.write(fromHex(hex))).catch(() => {});
    };
    let hex = "";
    for (;;) {
      const chunk = await connection.read().catch(() => null);
      if (chunk === null) return connection.close();
      hex += toHex(chunk);
      for (let packet = cut(hex); packet !== ""; packet = cut(hex)) {
        hex = hex.slice(packet.length);
        if (this.#pick(200) === 0) return connection.reset();
        if (packet === "e000") return connection.close();
        const first = parseInt(packet.slice(0, 2), 16);
        const chatting = first >> 4 !== 1 && this.#pick(3) === 0;
        if (this.#pick(12) > 0 || first < 0x20) send(answer(packet, this.#pick(2) === 0));
        if (chatting) send(this.#chat());
      }
    }
  }

  #chat(): string {
    const count = 1 + this.#pick(this.#pick(6) === 0 ? 1200 : 4);
    return Array.from({ length: count }, () => {
      const id = 1 + this.#messages % 60_000;
      return publish("a", `${this.#messages++}`, { qos: this.#pick(3) as 0 | 1 | 2, id });
    }).join("");
  }
}

/** The first packet, if it is whole. */
function cut(hex: string): string {
  let remaining = 0;
  for (let at = 2, shift = 0; at + 2 <= hex.length; at += 2, shift += 7) {
    const byte = parseInt(hex.slice(at, at + 2), 16);
    remaining += (byte & 0x7f) << shift;
    if (byte < 0x80) {
      const end = at + 2 + remaining * 2;
      return end <= hex.length ? hex.slice(0, end) : "";
    }
  }
  return "";
}

function answer(packet: string, present: boolean): string {
  const first = parseInt(packet.slice(0, 2), 16);
  const body = packet.slice(
    packet.length > 2 && parseInt(packet.slice(2, 4), 16) < 0x80 ? 4 : packet.startsWith("3") ? 8 : 6,
  );
  const id = body.slice(0, 4);
  switch (first >> 4) {
    case 1:
      return present && (parseInt(body.slice(14, 16), 16) & 0x02) === 0 ? "20020100" : "20020000";
    case 3: {
      const at = 4 + 2 * parseInt(id, 16);
      const qos = first >> 1 & 3;
      return qos === 0 ? "" : (qos === 1 ? "4002" : "5002") + body.slice(at, at + 4);
    }
    case 5:
      return `6202${id}`;
    case 6:
      return `7002${id}`;
    case 8:
      return `9003${id}00`;
    case 10:
      return `b002${id}`;
    case 12:
      return "d000";
    default:
      return "";
  }
}

function passed({ clock }: Stage, ms: number): Promise<void> {
  return new Promise((resolve) => clock.timer(clock.now() + ms, resolve));
}

/** Any call there is; rejects with what the client may reject with, or not at all. */
async function anything(scene: Stage, pick: Pick): Promise<void> {
  const { client, clock } = scene;
  const calls: (() => Promise<unknown>)[] = [
    () => client.publish("t", "x"),
    () => client.publish("t", "x".repeat(100_000)),
    () => client.publish("t", "x", false, 1),
    () => client.publish("t", "x", false, 2),
    () => client.publish("t", "x", { qos: 1, timeout: pick(3) }),
    () => client.subscribe(`s${pick(3)}`),
    () => client.unsubscribe(`s${pick(3)}`),
    () => client.ping(),
    () => client.loop(pick(4)),
    () => {
      const stop = new AbortController();
      clock.timer(clock.now() + pick(3000), () => stop.abort(mine));
      return client.loop(1 + pick(3), { signal: stop.signal });
    },
    () => pick(3) === 0 ? client.disconnect() : client.loop(),
    () => pick(3) === 0 ? client.reconnect() : client.ping(),
    () => client.connect(pick(2) === 0),
  ];
  try {
    await calls[pick(calls.length)]!();
  } catch (error) {
    if (error !== mine && !(error instanceof MMQTTException)) throw error;
  }
}

async function run(seed: number): Promise<void> {
  const pick = random(seed);
  const network = pick(2) === 0 ? {} : { room: 64, chunkSize: 1 + pick(3000) };
  const scene = stage({ recvTimeout: 3, keepAlive: 5, connectRetries: 2 }, network);
  const { client, clock } = scene;
  new Broker(scene.network, pick);
  const got: number[] = [];
  let running = 0;
  let connected = 0;
  client.onConnect = () => connected++;
  client.onDisconnect = () => connected--;
  client.onMessage = (_client, _topic, message) => {
    got.push(Number(message));
    assertEquals(++running, 1);
    const kind = pick(8);
    if (kind === 0) {
      running--;
      throw mine;
    }
    if (kind < 4) return running--;
    const work = async () => {
      if (kind === 4) await passed(scene, pick(8000));
      else if (kind > 5) await Promise.all([anything(scene, pick), anything(scene, pick)]);
      if (pick(10) === 0) throw mine;
    };
    return work().finally(() => running--);
  };
  const settle = async (call: Promise<unknown>) => {
    let pending = true;
    call.finally(() => pending = false).catch(() => {});
    const begun = clock.now();
    while (pending) {
      await clock.advance(250);
      assertLess(clock.now() - begun, 3_600_000, "a call hangs");
    }
    await call;
  };
  for (let step = 0; step < 30; step++) {
    const calls = Array.from({ length: 1 + pick(4) }, () => anything(scene, pick));
    if (!client.isConnected()) calls.push(client.connect(pick(2) === 0).then(() => {}, () => {}));
    if (pick(3) > 0) await clock.advance(pick(3000));
    if (pick(2) === 0) await settle(Promise.all(calls));
    else for (const call of calls) call.catch(() => {});
  }
  await settle(anything(scene, pick));
  await settle(client.deinit());
  await clock.advance(60_000);
  assertEquals([running, connected, clock.armed], [0, 0, 0]);
  assertEquals(got, got.toSorted((a, b) => a - b));
  assertEquals(new Set(got).size, got.length);
}

describe("everything at once (MM-135) (MM-233)", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    it(`whatever is called whenever, nothing hangs and the rules hold, seed ${seed}`, () => run(seed));
  }
});
