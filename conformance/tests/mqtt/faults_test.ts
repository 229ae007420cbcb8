import { assert, assertEquals, assertRejects } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, ProtocolError } from "@minimqtt/client";
import { rejectsWith } from "../assertions.ts";
import { exchange, recorded } from "./exchange.ts";
import { online } from "./stage.ts";
import { publish } from "../../src/wire/wire.ts";

interface Fault {
  /** The behaviour's number. */
  readonly id: string;
  readonly name: string;
  /** What the broker sends, in hex. */
  readonly bytes: string;
  readonly text: string;
  readonly statement: string;
}

describe("acknowledgements that nobody waits for (MM-221)", () => {
  for (
    const [name, bytes, answer] of [
      ["PUBACK", "4002abcd", ""],
      ["PUBREC", "5002abcd", "6202abcd"],
      ["PUBREL", "6202abcd", "7002abcd"],
      ["PUBCOMP", "7002abcd", ""],
      ["SUBACK", "9003abcd00", ""],
      ["UNSUBACK", "b002abcd", ""],
    ] as const
  ) {
    it(`loop() passes a ${name} for an unknown identifier over, with a warning (MM-221)`, async () => {
      const scene = await online();
      const warnings: string[] = [];
      scene.client.enableLogger({
        ...console,
        debug() {},
        info() {},
        warn: (text: string) => warnings.push(text),
      });
      const type = Number(`0x${bytes[0]}0`);
      assertEquals(await exchange(scene, scene.client.loop(), ["", bytes], [answer, ""]), [type]);
      assertEquals(warnings, [`ignored a packet of type 0x${bytes[0]}0 that nobody waits for`]);
      assertEquals(scene.client.isConnected(), true);
    });
  }

  it("publish() rejects with the broken rule at an acknowledgement of another kind (MM-221)", async () => {
    for (const wrong of ["50020001", "70020001", "9003000100", "b0020001"]) {
      const scene = await online();
      const call = scene.client.publish("t", "x", false, 1);
      await scene.broker.expect(publish("t", "x", { qos: 1 }));
      await scene.broker.send(wrong);
      const error = await assertRejects(() => scene.clock.run(call), MMQTTException);
      assert(error.cause instanceof ProtocolError);
      assertEquals(error.cause.statement, "MQTT-4.3.2-2");
    }
  });
});

/** What a broker says in one connection, and what comes of it. */
const MESSAGES = [
  publish("a", "1"),
  publish("ünï", "grüß", { qos: 1, id: 300 }),
  publish("b", "", { qos: 2, id: 5, retain: true }),
  publish("c", "x".repeat(200)),
] as const;
const STREAM = MESSAGES[0] + "9003000101" + MESSAGES[1] + "d000" + "40020002" + MESSAGES[2] + "62020005" +
  MESSAGES[3] + "b0020003";

describe("a stream in pieces (MM-224)", () => {
  it("loop() gives the same for every place at which the stream is split (MM-224) (MM-232)", async () => {
    const outcome = async (...pieces: string[]) => {
      const scene = await online();
      const { client, broker, clock } = scene;
      const seen = recorded(client);
      const calls = clock.run(
        Promise.all([client.subscribe("s", 1), client.publish("p", "x", false, 1), client.loop()]),
      );
      for (const piece of pieces) await broker.send(piece);
      const [granted, , types] = await calls;
      // When a call that is answered goes on is the runtime's affair; the order of messages is not.
      return {
        granted,
        types,
        messages: seen.filter((line) => line.startsWith("message")),
        lines: seen.sort(),
      };
    };
    const whole = await outcome(STREAM);
    assertEquals(whole.messages, [
      "message a 1",
      "message ünï grüß",
      "message b ",
      "message c " + "x".repeat(200),
    ]);
    assertEquals(whole.lines.slice(4), ["publish undefined p 2", "subscribe undefined s 1"]);
    for (let at = 2; at < STREAM.length; at += 2) {
      assertEquals(await outcome(STREAM.slice(0, at), STREAM.slice(at)), whole, `split at ${at / 2}`);
    }
    assertEquals(await outcome(...STREAM.match(/../g)!), whole);
  });

  it("loop() tells the end for every place at which the stream is cut (MM-224) (MM-178)", async () => {
    const ends: number[] = [];
    for (let at = 0; at <= STREAM.length; at += 2) {
      const { client, broker, clock } = await online();
      let messages = 0;
      client.onMessage = () => messages++;
      const looping = rejectsWith(client.loop(60), MMQTTException, "Connection closed by broker");
      if (at > 0) await broker.send(STREAM.slice(0, at));
      await broker.close();
      await looping;
      assertEquals([clock.now(), client.isConnected()], [0, false]);
      if (messages > ends.length) ends.push(at / 2);
    }
    // A message is delivered as soon as its last byte has come.
    assertEquals(ends, MESSAGES.map((message) => (STREAM.indexOf(message) + message.length) / 2));
  });
});
