/**
 * Chunk boundaries mean nothing: what brokers sent in the reference's recorded conversations (golden/minimqtt.json)
 * gives the same events and the same answers wherever it is cut (MM-224) [MQTT-4.2].
 */
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Engine, v4 } from "@minimqtt/core";
import vectors from "../../golden/minimqtt.json" with { type: "json" };
import { fromHex, toHex } from "../../src/wire/bytes.ts";

interface Vector {
  readonly name: string;
  readonly received: string;
}

/** What the engine tells and answers; the stream of a CONNECT's answer goes to an engine that waits for it. */
function replay(chunks: readonly Uint8Array[], early: boolean): string[] {
  const engine = new Engine({ codec: v4 });
  const connect = { clientId: "golden", cleanSession: false, keepAlive: 60 };
  engine.opened(connect, 1000, 0);
  if (chunks.find((chunk) => chunk.length > 0)?.[0] !== 0x20) {
    engine.receive(fromHex("20020000"), 0);
    engine.next();
  }
  engine.take(0);
  const log: string[] = [];
  const pull = () => {
    for (let event = engine.next(); event !== null; event = engine.next()) {
      if (event.type === "message") {
        log.push(JSON.stringify({ ...event, payload: toHex(event.payload) }));
        engine.acknowledge(event);
      } else log.push(event.type === "offline" ? `offline: ${event.error?.message}` : JSON.stringify(event));
      const batch = engine.take(0);
      if (batch !== null) log.push(toHex(batch));
    }
  };
  for (const chunk of chunks) {
    engine.receive(chunk, 0);
    if (early) pull();
  }
  pull();
  engine.closed(null);
  pull();
  return log;
}

describe("a recorded stream means the same wherever it is cut:", () => {
  const streams = new Map((vectors as readonly Vector[]).map(({ name, received }) => [received, name]));
  streams.delete("");
  for (const [received, name] of streams) {
    it(name, () => {
      const stream = fromHex(received);
      const expected = replay([stream], true);
      for (let at = 0; at <= stream.length; at++) {
        for (const early of [false, true]) {
          assertEquals(replay([stream.slice(0, at), stream.slice(at)], early), expected, `cut at ${at}`);
        }
      }
      assertEquals(replay(Array.from(stream, (byte) => Uint8Array.of(byte)), true), expected, "byte by byte");
    });
  }
});
