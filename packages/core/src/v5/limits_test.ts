import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../errors.ts";
import type { UsageCode } from "../errors.ts";
import type { Dropped } from "../events.ts";
import type { ConnackProperties } from "../properties.ts";
import { v5 } from "./mod.ts";
import { Bench, ending, settled } from "../../tests/support.ts";
import { again, connack, online, server, understood } from "../../tests/mqtt5.ts";

/** A call throws this, and not a byte waits to leave. */
function refuses(bench: Bench, action: () => unknown, code: UsageCode): UsageError {
  const error = assertThrows(action, UsageError);
  assertEquals([error.code, bench.engine.pending], [code, 0], error.message);
  return error;
}

function limited(theirs: ConnackProperties): Bench {
  return online({ theirs, keep: true });
}

describe("what the server said in CONNACK", () => {
  it("bounds the quality of service that is published [MQTT5-3.2.2-11]", () => {
    for (const [maximumQoS, allowed] of [[0, 1], [1, 2], [undefined, 3]] as const) {
      const bench = limited({ maximumQoS });
      for (const qos of [0, 1, 2] as const) {
        if (qos < allowed) {
          bench.engine.publish("t", "", qos);
          assertEquals(understood(bench.sent())[0]?.["qos"], qos);
        } else refuses(bench, () => bench.engine.publish("t", "", qos), "not-supported");
      }
      // A filter may ask for more: the server grants what it has.
      bench.engine.subscribe([{ topic: "t", qos: 2 }]);
    }
  });

  it("forbids to retain [MQTT5-3.2.2-14]", () => {
    const bench = limited({ retainAvailable: false });
    for (const qos of [0, 1, 2] as const) {
      refuses(bench, () => bench.engine.publish("t", "", qos, true), "not-supported");
      bench.engine.publish("t", "", qos);
      bench.sent();
    }
    limited({ retainAvailable: true }).engine.publish("t", "", 1, true);
  });

  it("bounds the size of every packet: exactly the maximum goes, one byte more does not [MQTT5-3.2.2-15]", () => {
    for (const maximumPacketSize of [30, 127, 129, 130, 131, 200, 16_386, 16_387, 16_388]) {
      const bench = limited({ maximumPacketSize });
      const commands = [
        (size: number) => bench.engine.publish("t", "x".repeat(size)),
        (size: number) => bench.engine.publish("t", "é".repeat(size)),
        (size: number) => bench.engine.publish("t", new Uint8Array(size), 1),
        (size: number) => bench.engine.publish("t".repeat(size + 1), "", 1),
        (size: number) => bench.engine.publish("t", "", 0, false, { contentType: "x".repeat(size) }),
        (size: number) => bench.engine.publish("t", "x", 1, false, { correlationData: new Uint8Array(size) }),
        (size: number) => bench.engine.subscribe([{ topic: "t".repeat(size + 1), qos: 0 }]),
        (size: number) =>
          bench.engine.subscribe([{ topic: "t", qos: 0 }], { userProperties: [["a", "x".repeat(size)]] }),
        (size: number) => bench.engine.unsubscribe(["t".repeat(size + 1)]),
      ];
      for (const [index, command] of commands.entries()) {
        let size = 0;
        for (let step = 16_384; step >= 1; step /= 2) {
          try {
            command(size + step);
            size += step;
          } catch (error) {
            if (!(error instanceof UsageError) || error.code !== "payload-too-large") throw error;
          }
          bench.sent();
        }
        command(size);
        const sent = bench.sent().length / 2;
        // There is no packet of 130 bytes, nor of 16387: its length would take a byte more.
        const best = [130, 16_387].includes(maximumPacketSize) ? maximumPacketSize - 1 : maximumPacketSize;
        // A character of two bytes may leave one over.
        const isRight = sent === best || (index === 1 && sent === best - 1);
        assert(isRight, `command ${index}: ${sent} of ${maximumPacketSize}`);
        refuses(bench, () => command(size + 1), "payload-too-large");
      }
    }
  });

  it("forbids wildcards, shared subscriptions and identifiers of subscriptions", () => {
    const subscribe = (bench: Bench, topic: string, subscriptionIdentifier?: number) =>
      bench.engine.subscribe([{ topic: "plain", qos: 0 }, { topic, qos: 0 }], { subscriptionIdentifier });
    let bench = limited({ wildcardSubscriptionAvailable: false });
    for (const topic of ["#", "a/#", "+/b", "$share/g/a/+"]) {
      refuses(bench, () => subscribe(bench, topic), "not-supported");
    }
    subscribe(bench, "$share/g/a", 1);
    bench = limited({ sharedSubscriptionAvailable: false });
    refuses(bench, () => subscribe(bench, "$share/g/a"), "not-supported");
    subscribe(bench, "a/#", 1);
    bench = limited({ subscriptionIdentifiersAvailable: false });
    refuses(bench, () => subscribe(bench, "a", 1), "not-supported");
    subscribe(bench, "$share/g/#");
    // Unsubscribing takes whatever there may be.
    const all = { wildcardSubscriptionAvailable: false, sharedSubscriptionAvailable: false };
    limited(all).engine.unsubscribe(["#", "$share/g/a"]);
  });

  it("leaves no identifier behind where a command is refused", () => {
    const bench = limited({ wildcardSubscriptionAvailable: false });
    for (let i = 0; i < 70_000; i++) {
      assertThrows(() => bench.engine.subscribe([{ topic: "#", qos: 0 }]), UsageError);
    }
    bench.engine.subscribe([{ topic: "a", qos: 0 }]);
  });

  it("drops with a word what was published before it was known, and only that", () => {
    const bench = new Bench({ codec: v5 });
    const ids = [
      bench.engine.publish("t", "1", 1),
      bench.engine.publish("t", "2", 2),
      bench.engine.publish("t", "3", 1, true),
      bench.engine.publish("t", "x".repeat(100), 1),
      bench.engine.publish("t", "5", 1),
    ];
    bench.open({ cleanSession: false });
    bench.sent();
    const limits = { maximumQoS: 1, retainAvailable: false, maximumPacketSize: 50 } as const;
    const [online, ...events] = bench.receive(connack(limits));
    assertEquals(online?.type, "online");
    assertEquals(
      events.map((event) => [event.type, (event as Dropped).id, (event as Dropped).error.code]),
      [
        ["dropped", ids[1], "not-supported"],
        ["dropped", ids[2], "not-supported"],
        ["dropped", ids[3], "payload-too-large"],
      ],
    );
    assertEquals(understood(bench.sent()).map((packet) => packet["messageId"]), [ids[0], ids[4]]);
    // Their identifiers are free, and nothing of them comes again.
    bench.drop();
    assertEquals(again(bench, { keep: true, theirs: limits }).map(({ type }) => type), ["online"]);
    assertEquals(understood(bench.sent()).map((packet) => packet["messageId"]), [ids[0], ids[4]]);
    assertEquals(
      bench.one(server({ cmd: "puback", messageId: ids[0], reasonCode: 0 })),
      settled(0x40, ids[0]!),
    );
  });

  it("holds for one connection: the next server is asked anew", () => {
    const bench = limited({ maximumQoS: 0, maximumPacketSize: 20 });
    refuses(bench, () => bench.engine.publish("t", "", 1), "not-supported");
    bench.drop();
    // Nobody knows yet.
    const id = bench.engine.publish("t", "x".repeat(50), 1);
    assertEquals(again(bench, { keep: true }).length, 1);
    assertEquals(understood(bench.sent())[0]?.["messageId"], id);
  });

  it("is judged for a message as it would be sent again: with its topic, without an alias", () => {
    const topic = "a/long/topic/that/has/an/alias";
    const size = 2 + 2 + topic.length + 1 + 5;
    const bench = online({ theirs: { topicAliasMaximum: 5, maximumPacketSize: size }, topicAliases: true });
    for (let i = 0; i < 5; i++) bench.engine.publish(topic, "12345");
    const packets = understood(bench.sent());
    for (const packet of packets) assertEquals((packet["length"] as number) + 2 <= size, true);
    // To tell the alias, and the topic with it, there was no room.
    assertEquals(packets.map((packet) => packet["topic"]), new Array(5).fill(topic));
    refuses(bench, () => bench.engine.publish(topic, "123456"), "payload-too-large");
    assertEquals(ending(bench.drop()).error?.code, "closed");
  });
});
