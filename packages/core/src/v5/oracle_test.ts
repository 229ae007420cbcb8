import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import type { EngineEvent } from "../events.ts";
import { RefusedError } from "../errors.ts";
import type { AuthProperties, ConnackProperties, PublishProperties, WillProperties } from "../properties.ts";
import { v5 } from "./mod.ts";
import { Bench, broke, fault, hex, u16 } from "../../tests/support.ts";
import {
  comparable,
  connack,
  type Loose,
  online,
  server,
  some,
  toOracle,
  understood,
} from "../../tests/mqtt5.ts";

const TOLD = ["reasonString", "userProperties"] as const;
const MESSAGE = [
  "payloadFormatIndicator",
  "messageExpiryInterval",
  "contentType",
  "responseTopic",
  "correlationData",
  "userProperties",
] as const;
const runs = { numRuns: 200 };

/** What `mqtt-packet` read, in a form that can be compared. */
function ofOracle(packet: Loose | undefined, key = "properties"): Loose {
  return comparable({ ...packet?.[key] as object });
}

/** Options of `mqtt-packet` for properties that are not there. */
function properties(of: object): Loose {
  return Object.keys(of).length === 0 ? {} : { properties: toOracle(of) };
}

function one(events: readonly EngineEvent[]): EngineEvent {
  assertEquals(events.length, 1, JSON.stringify(events));
  return events[0]!;
}

describe("what mqtt-packet writes as a server, we read:", () => {
  it("CONNACK with every property", () => {
    const arb = some(
      "sessionExpiryInterval",
      "receiveMaximum",
      "maximumQoS",
      "retainAvailable",
      "maximumPacketSize",
      "assignedClientIdentifier",
      "topicAliasMaximum",
      "reasonString",
      "userProperties",
      "wildcardSubscriptionAvailable",
      "subscriptionIdentifiersAvailable",
      "sharedSubscriptionAvailable",
      "serverKeepAlive",
      "responseInformation",
      "serverReference",
      "authenticationData",
    );
    fc.assert(
      fc.property(arb, fc.boolean(), fc.boolean(), (some, present, isAuthenticated) => {
        const method = isAuthenticated ? { authenticationMethod: "m" } : {};
        const bench = new Bench({ codec: v5 });
        bench.open({ cleanSession: !present, properties: method });
        bench.sent();
        const event = one(bench.receive(connack({ ...some, ...method }, present)));
        if (event.type !== "online") throw new Error(event.type);
        assertEquals(comparable(event.connack.properties), comparable({ ...some, ...method }));
        assertEquals(event.connack.sessionPresent, present);
        assertEquals(event.connack.receiveMaximum, (some as ConnackProperties).receiveMaximum ?? 65_535);
      }),
      runs,
    );
  });

  it("CONNACK that refuses, with what it says", () => {
    fc.assert(
      fc.property(
        some("reasonString", "userProperties", "serverReference"),
        fc.constantFrom(0x80, 0x87, 0x9c),
        (some, reasonCode) => {
          const bench = new Bench({ codec: v5 });
          bench.open();
          const text = server({ cmd: "connack", reasonCode, sessionPresent: false, ...properties(some) });
          const error = fault(bench.receive(text));
          if (!(error instanceof RefusedError)) throw error;
          assertEquals([error.code, error.reason], ["connection-refused", reasonCode]);
          assertEquals(comparable(error.properties), comparable(some));
        },
      ),
      runs,
    );
  });

  it("PUBLISH with every property", () => {
    fc.assert(
      fc.property(
        some(...MESSAGE, "subscriptionIdentifiers"),
        fc.string({ maxLength: 300 }),
        fc.nat(2),
        fc.boolean(),
        fc.boolean(),
        (some, payload, qos, retain, dup) => {
          const event = one(
            online().receive(server({
              cmd: "publish",
              topic: "a/é",
              payload,
              qos,
              retain,
              dup: dup && qos > 0,
              messageId: 7,
              ...properties(some),
            })),
          );
          if (event.type !== "message") throw new Error(event.type);
          assertEquals(
            [event.topic, event.qos, event.retain, event.duplicate, event.id],
            ["a/é", qos, retain, dup && qos > 0, qos > 0 ? 7 : 0],
          );
          assertEquals(hex(event.payload), hex(Buffer.from(payload)));
          assertEquals(event.properties === undefined, Object.keys(some).length === 0);
          assertEquals(comparable(event.properties), comparable(some));
          assertEquals(event.properties, event.properties, "the same when it is asked for again");
        },
      ),
      runs,
    );
  });

  it("PUBACK, PUBREC and PUBCOMP with reasons and properties", () => {
    fc.assert(
      fc.property(
        some(...TOLD),
        fc.constantFrom(0, 0x10, 0x80, 0x99),
        fc.boolean(),
        (some, reasonCode, isPuback) => {
          const bench = online();
          const messageId = bench.engine.publish("t", "x", isPuback ? 1 : 2);
          bench.sent();
          const cmd = isPuback ? "puback" : "pubrec";
          const event = one(bench.receive(server({ cmd, messageId, reasonCode, ...properties(some) })));
          if (isPuback || reasonCode >= 0x80) {
            if (event.type !== "settled") throw new Error(event.type);
            assertEquals(event.reasons, reasonCode === 0 ? [] : [reasonCode]);
            assertEquals(comparable(event.properties), comparable(some));
            return assertEquals(bench.sent(), "");
          }
          assertEquals(bench.sent(), "6202" + u16(messageId));
          const gone = server({ cmd: "pubcomp", messageId, reasonCode: 0x92, ...properties(some) });
          const end = one(bench.receive(gone));
          if (end.type !== "settled") throw new Error(end.type);
          assertEquals([end.packet, end.reasons], [0x70, [0x92]]);
          assertEquals(comparable(end.properties), comparable(some));
        },
      ),
      runs,
    );
  });

  it("SUBACK and UNSUBACK with codes and properties", () => {
    const granted = fc.array(fc.constantFrom(0, 1, 2, 0x80, 0x8f, 0x9e, 0xa2), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(some(...TOLD), granted, (some, granted) => {
        const bench = online();
        const messageId = bench.engine.subscribe(granted.map(() => ({ topic: "t", qos: 2 })));
        const event = one(bench.receive(server({ cmd: "suback", messageId, granted, ...properties(some) })));
        if (event.type !== "settled") throw new Error(event.type);
        assertEquals(event.reasons, granted);
        assertEquals(comparable(event.properties), comparable(some));
        const codes = granted.map((code) => code < 3 ? 0x11 : 0x87);
        const id = bench.engine.unsubscribe(granted.map(() => "t"));
        const end = one(
          bench.receive(server({ cmd: "unsuback", messageId: id, granted: codes, ...properties(some) })),
        );
        if (end.type !== "settled") throw new Error(end.type);
        assertEquals(end.reasons, codes);
        assertEquals(comparable(end.properties), comparable(some));
      }),
      runs,
    );
  });

  it("DISCONNECT and AUTH with every property", () => {
    fc.assert(
      fc.property(
        some(...TOLD, "serverReference"),
        some(...TOLD, "authenticationData"),
        fc.constantFrom(0, 0x8b, 0x8e, 0x9d),
        (some, asked, reasonCode) => {
          const method = { authenticationMethod: "m" };
          const bench = online({ ours: method, theirs: method });
          bench.engine.authenticate(0x19);
          const auth = one(bench.receive(
            server({ cmd: "auth", reasonCode: 0x18, properties: toOracle({ ...asked, ...method }) }),
          ));
          if (auth.type !== "auth") throw new Error(auth.type);
          assertEquals(comparable(auth.properties), comparable({ ...asked, ...method }));
          const error = fault(bench.receive(server({ cmd: "disconnect", reasonCode, ...properties(some) })));
          if (!(error instanceof RefusedError)) throw error;
          assertEquals([error.code, error.reason], ["disconnected-by-server", reasonCode]);
          assertEquals(comparable(error.properties), comparable(some));
        },
      ),
      runs,
    );
  });
});

describe("what we write, mqtt-packet reads as a server:", () => {
  it("CONNECT with every property, and a will with every one of its own", () => {
    const ours = some(
      "sessionExpiryInterval",
      "receiveMaximum",
      "topicAliasMaximum",
      "requestResponseInformation",
      "requestProblemInformation",
      "userProperties",
      "authenticationMethod",
      "authenticationData",
    );
    fc.assert(
      fc.property(
        ours,
        fc.option(some(...MESSAGE, "willDelayInterval"), { nil: undefined }),
        fc.boolean(),
        fc.boolean(),
        (ours, properties: WillProperties | undefined, clean, hasPassword) => {
          if ("authenticationData" in ours && !("authenticationMethod" in ours)) return;
          const bench = new Bench({ codec: v5, maxPacketSize: 9999 });
          bench.open({
            clientId: clean ? "" : "é",
            cleanSession: clean,
            properties: ours,
            // Alone, as MQTT 5 allows.
            ...(hasPassword && { password: "secret" }),
            ...(properties && { will: { topic: "w/é", payload: "gone", qos: 2, retain: true, properties } }),
          });
          const [packet] = understood(bench.sent());
          assertEquals(packet?.["protocolVersion"], 5);
          assertEquals([packet?.["clientId"], packet?.["clean"]], [clean ? "" : "é", clean]);
          assertEquals(packet?.["password"]?.toString(), hasPassword ? "secret" : undefined);
          assertEquals(ofOracle(packet), comparable({ maximumPacketSize: 9999, ...ours }));
          const will = packet?.["will"] as Loose | undefined;
          assertEquals(will === undefined, properties === undefined);
          if (will === undefined) return;
          assertEquals([will["topic"], will["payload"]?.toString(), will["qos"]], ["w/é", "gone", 2]);
          assertEquals(ofOracle(will), comparable(properties));
        },
      ),
      runs,
    );
  });

  it("PUBLISH with every property", () => {
    fc.assert(
      fc.property(some(...MESSAGE), fc.nat(2), fc.boolean(), (some: PublishProperties, qos, retain) => {
        const bench = online();
        bench.engine.publish("t/é", "text", qos as 0, retain, some);
        const [packet] = understood(bench.sent());
        assertEquals([packet?.["topic"], packet?.["payload"]?.toString()], ["t/é", "text"]);
        assertEquals([packet?.["qos"], packet?.["retain"]], [qos, retain]);
        assertEquals(ofOracle(packet), comparable(some));
      }),
      runs,
    );
  });

  it("SUBSCRIBE and UNSUBSCRIBE with every property and option", () => {
    const filterArb = fc.record({
      topic: fc.constantFrom("a/#", "+/b", "é"),
      qos: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
      noLocal: fc.boolean(),
      retainAsPublished: fc.boolean(),
      retainHandling: fc.constantFrom<0 | 1 | 2>(0, 1, 2),
    });
    fc.assert(
      fc.property(
        some("subscriptionIdentifier", "userProperties"),
        some("userProperties"),
        fc.array(filterArb, { minLength: 1, maxLength: 9 }),
        (some, more, filters) => {
          const bench = online();
          bench.engine.subscribe(filters, some);
          bench.engine.unsubscribe(filters.map(({ topic }) => topic), more);
          const [subscribe, unsubscribe] = understood(bench.sent());
          assertEquals(
            subscribe?.["subscriptions"],
            filters.map(({ topic, qos, noLocal, retainAsPublished, retainHandling }) => ({
              topic,
              qos,
              nl: noLocal,
              rap: retainAsPublished,
              rh: retainHandling,
            })),
          );
          assertEquals(ofOracle(subscribe), comparable(some));
          assertEquals(unsubscribe?.["unsubscriptions"], filters.map(({ topic }) => topic));
          assertEquals(ofOracle(unsubscribe), comparable(more));
        },
      ),
      runs,
    );
  });

  it("DISCONNECT and AUTH with every property", () => {
    fc.assert(
      fc.property(
        some(...TOLD, "sessionExpiryInterval"),
        some(...TOLD, "authenticationData"),
        fc.constantFrom(0, 4, 0x80),
        (some, asked: AuthProperties, reason) => {
          const method = { authenticationMethod: "m" };
          const bench = online({ ours: { ...method, sessionExpiryInterval: 1 }, theirs: method });
          bench.engine.authenticate(0x19, asked);
          bench.engine.disconnect(reason, some);
          const [auth, disconnect] = understood(bench.sent());
          assertEquals([auth?.["cmd"], auth?.["reasonCode"]], ["auth", 0x19]);
          assertEquals(ofOracle(auth), comparable({ ...asked, ...method }));
          assertEquals([disconnect?.["cmd"], disconnect?.["reasonCode"] ?? 0], ["disconnect", reason]);
          assertEquals(ofOracle(disconnect), comparable(some));
        },
      ),
      runs,
    );
  });

  it("PUBACK, PUBREC, PUBREL and PUBCOMP, with 0x92 for identifiers that are not in use", () => {
    const bench = online();
    for (const [qos, messageId] of [[1, 5], [2, 6]] as const) {
      bench.engine.acknowledge(
        bench.message(
          server({ cmd: "publish", topic: "t", payload: "", qos, messageId, retain: false, dup: false }),
        ),
      );
    }
    bench.receive("62020006" + "62020007" + "50020008");
    assertEquals(
      understood(bench.sent()).map((
        packet,
      ) => [packet["cmd"], packet["messageId"], packet["reasonCode"] ?? 0]),
      [["puback", 5, 0], ["pubrec", 6, 0], ["pubcomp", 6, 0], ["pubcomp", 7, 0x92], ["pubrel", 8, 0x92]],
    );
  });
});

describe("where mqtt-packet and we differ,", () => {
  /** What it lets pass. */
  const LENIENT: readonly (readonly [what: string, statement: string, stream: string])[] = [
    ["a property twice", "MQTT5 section 3.2.2", "2009 0000 06 210001 210002"],
    ["a property where it may not be", "MQTT5 section 3.3.2", "3007 000161 03 130001"],
    ["a property that runs over its list", "MQTT5 section 3.3.2", "3008 000161 02 03000161"],
    ["a length that is not as short as can be", "MQTT5-1.5.5-1", "2004 0000 8000"],
    ["topic alias 0", "MQTT5-3.3.2-8", "3007 000161 03 230000"],
    ["a reason code that CONNACK does not have", "MQTT5-3.2.2-8", "2003 0055 00"],
    ["a flag of 2", "MQTT5 section 3.2.2", "2005 0000 02 2502"],
    ["receive maximum 0", "MQTT5 section 3.2.2", "2006 0000 03 210000"],
    ["text that is no UTF-8", "MQTT5-1.5.4-1", "2007 0000 04 1f0001c3"],
    ["neither topic nor alias", "MQTT5 section 3.3.4", "3003 0000 00"],
    ["bytes behind the properties", "MQTT5 section 3.4.2", "4006 0001 00 00 0102"],
    ["subscription identifier 0", "MQTT5 section 3.3.2", "3006 000161 02 0b00"],
    ["packet identifier 0", "MQTT5-2.2.1-4", "3206 000161 0000 00"],
    ["a wildcard in the response topic", "MQTT5-3.3.2-14", "3009 000161 05 080002612b"],
    ["SUBACK without a code", "MQTT5 section 3.9.1", "9003 0001 00"],
    ["AUTH without the list of properties", "MQTT5 section 3.15.2", "f001 18"],
  ];
  for (const [what, statement, stream] of LENIENT) {
    it(`it takes ${what}, and we do not [${statement}]`, () => {
      assertEquals(understood(stream).length, 1);
      const method = { authenticationMethod: "m" };
      const bench = stream.startsWith("20")
        ? new Bench({ codec: v5 })
        : online({ ours: method, theirs: method });
      if (bench.state === "offline") bench.open();
      broke(bench.receive(stream), statement);
    });
  }

  it("it loses the first of two user properties of one name whose value is empty, and their order", () => {
    const userProperties = [["b", ""], ["a", "1"], ["b", "2"]] as const;
    const bench = online();
    bench.engine.publish("t", "", 0, false, { userProperties });
    const stream = bench.sent();
    const [packet] = understood(stream);
    assertEquals(ofOracle(packet), { userProperties: { b: "2", a: "1" } });
    assertEquals(online().message(stream).properties, { userProperties });
  });

  it("it takes no AUTH of length 0, which is a success, but for the method that it lacks [MQTT5-4.12.0-5]", () => {
    assertThrows(() => understood("f000"));
    const method = { authenticationMethod: "m" };
    const bench = online({ ours: method, theirs: method });
    bench.engine.authenticate(0x19);
    broke(bench.receive("f000"), "MQTT5-4.12.0-5");
  });
});
