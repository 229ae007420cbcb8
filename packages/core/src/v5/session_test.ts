import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { RefusedError, UsageError } from "../errors.ts";
import type { Dropped, EngineEvent } from "../events.ts";
import { v5 } from "./mod.ts";
import { Bench, broke, ending, fault, lost, PONG_TIMEOUT } from "../../tests/support.ts";
import { again, connack, type Loose, online, server, understood } from "../../tests/mqtt5.ts";

function expiries(bench: Bench): unknown[] {
  return understood(bench.sent()).map((packet) =>
    (packet["properties"] as Loose | undefined)?.["messageExpiryInterval"]
  );
}

function dropped(events: readonly EngineEvent[]): unknown[] {
  return events.filter(({ type }) => type === "dropped").map((event) => {
    const { id, error } = event as Dropped;
    return [id, error.code];
  });
}

const soon = { messageExpiryInterval: 10 };

describe("a message that expires", () => {
  it("says in full how long it lives when it leaves at once", () => {
    const bench = online();
    bench.now = 123_456;
    for (const qos of [0, 1, 2] as const) {
      bench.engine.publish("t", "", qos, false, { ...soon, contentType: "c" }, bench.now);
    }
    bench.engine.publish("t", "", 1, false, { messageExpiryInterval: 4_294_967_295 }, bench.now);
    bench.engine.publish("t", "", 1, false, { messageExpiryInterval: 0 }, bench.now);
    assertEquals(expiries(bench), [10, 10, 10, 4_294_967_295, 0]);
  });

  it("says how much is left when it had to wait, for a connection or for its turn", () => {
    const bench = new Bench({ codec: v5, maxInflight: 1 });
    bench.now = 1000;
    const first = bench.engine.publish("t", "", 1, false, { messageExpiryInterval: 100 }, bench.now);
    bench.engine.publish(
      "t",
      "",
      1,
      false,
      { ...soon, contentType: "c", userProperties: [["a", "b"]] },
      bench.now,
    );
    bench.now = 5500;
    bench.online({}, connack());
    assertEquals(expiries(bench), [96]);
    bench.now = 9500;
    bench.receive(server({ cmd: "puback", messageId: first, reasonCode: 0 }));
    assertEquals(understood(bench.sent())[0]?.["properties"], {
      messageExpiryInterval: 2,
      contentType: "c",
      userProperties: Object.assign(Object.create(null), { a: "b" }),
    });
  });

  it("is dropped when its time is over, with a word, at the deadline that the engine gives", () => {
    const bench = new Bench({ codec: v5 });
    bench.now = 1000;
    const [a, b, c] = [20, 10, undefined].map((messageExpiryInterval) =>
      bench.engine.publish("t", "", 2, false, { messageExpiryInterval }, bench.now)
    );
    assertEquals(bench.engine.deadline, 11_000);
    assertEquals(bench.tick(10_999), []);
    assertEquals(dropped(bench.tick(11_000)), [[b, "message-expired"]]);
    assertEquals(bench.engine.deadline, 21_000);
    bench.now = 30_000;
    // Nobody ticked.
    assertEquals(dropped(bench.online({}, connack())), [[a, "message-expired"]]);
    assertEquals(understood(bench.sent()).map((packet) => packet["messageId"]), [c]);
    assertEquals(bench.engine.deadline < Infinity, true);
  });

  it("is dropped from behind a window that does not open, and frees its identifier", () => {
    const bench = online({ theirs: { receiveMaximum: 1 } });
    const first = bench.engine.publish("t", "1", 1);
    const id = bench.engine.publish("t", "2", 1, false, soon, 0);
    const last = bench.engine.publish("t", "3", 1, false, { messageExpiryInterval: 11 }, 0);
    bench.sent();
    assertEquals(dropped(bench.tick(10_000)), [[id, "message-expired"]]);
    // Bytes that come are as good as a tick.
    bench.now = 11_000;
    const events = bench.receive(server({ cmd: "puback", messageId: first, reasonCode: 0 }));
    assertEquals(dropped(events), [[last, "message-expired"]]);
    assertEquals(bench.sent(), "");
    assertEquals(bench.engine.publish("t", "4", 1), last + 1);
    assertEquals(understood(bench.sent()).length, 1);
  });

  it("that was sent is sent again however late, with a second to live [MQTT5-4.4.0-1]", () => {
    const bench = online({ keep: true });
    bench.engine.publish("t", "", 1, false, soon, 0);
    bench.sent();
    bench.drop();
    bench.now = 4000;
    again(bench, { keep: true });
    assertEquals(expiries(bench), [6]);
    bench.drop();
    bench.now = 60_000;
    assertEquals(dropped(again(bench, { keep: true })), []);
    assertEquals(expiries(bench), [1]);
  });

  it("does not hold up a connection: pings and answers have their own deadlines", () => {
    const bench = online();
    bench.engine.publish("t", "", 1);
    bench.engine.publish("t", "", 2, false, { messageExpiryInterval: 1000 }, 0);
    bench.sent();
    assertEquals(bench.tick(54_000), []);
    assertEquals(bench.sent(), "c000");
    assertEquals(fault(bench.tick(54_000 + PONG_TIMEOUT)).code, "pingresp-timeout");
  });
});

describe("CONNACK", () => {
  it("sets keep alive in place of ours [MQTT5-3.1.2-21] [MQTT5-3.2.2-21]", () => {
    for (const [serverKeepAlive, pingAt] of [[10, 9000], [0, Infinity], [65_535, 58_981_500]] as const) {
      const bench = online({ theirs: { serverKeepAlive } });
      assertEquals(bench.engine.deadline, pingAt);
    }
    // For one connection.
    const bench = online({ theirs: { serverKeepAlive: 10 } });
    bench.drop();
    again(bench, {}, false);
    assertEquals(bench.engine.deadline, 54_000);
  });

  it("gives a client identifier, under which the session goes on [MQTT5-3.2.2-16]", () => {
    const bench = new Bench({ codec: v5 });
    bench.online(
      { clientId: "", cleanSession: false, properties: { sessionExpiryInterval: 100 } },
      connack({ assignedClientIdentifier: "given" }),
    );
    const id = bench.engine.publish("t", "", 2);
    bench.sent();
    bench.drop();
    assertEquals(bench.online({ clientId: "given", cleanSession: false }, connack({}, true)).length, 1);
    assertEquals(understood(bench.sent()).map((packet) => [packet["messageId"], packet["dup"]]), [[
      id,
      true,
    ]]);
    bench.drop();
    bench.open({ clientId: "another", cleanSession: false });
    assertEquals(bench.pull(), [lost(id)]);
  });

  it("tells whether there is a session: what had been sent is lost where there is none [MQTT5-3.2.2-5]", () => {
    const bench = online({ keep: true });
    const id = bench.engine.publish("t", "", 1);
    bench.sent();
    bench.drop();
    assertEquals(again(bench, { keep: true }, false).slice(1), [lost(id)]);
  });

  it("with a session where a clean start was asked for is refused [MQTT5-3.2.2-2]", () => {
    const bench = new Bench({ codec: v5 });
    bench.open({ cleanSession: true });
    bench.sent();
    assertEquals(broke(bench.receive(connack({}, true)), "MQTT5-3.2.2-2").reason, 0x82);
    assertEquals(bench.sent(), "e0028200");
  });

  it("with a refusal of MQTT 3.1.1 means a server that knows nothing else", () => {
    const bench = new Bench({ codec: v5 });
    bench.open();
    const error = fault(bench.receive("20020001"));
    assert(error instanceof RefusedError);
    assertEquals([error.code, error.reason, error.returnCode], ["connection-refused", 0x84, 1]);
    for (const answer of ["20020000", "20020002", "20020100"]) {
      const other = new Bench({ codec: v5 });
      other.open();
      broke(other.receive(answer), "MQTT5 section 3.2.2");
    }
  });
});

describe("disconnect()", () => {
  it("says why, and how long the session is to be kept", () => {
    const bench = online({ ours: { sessionExpiryInterval: 10 } });
    bench.engine.disconnect(4, { sessionExpiryInterval: 0, reasonString: "gone" });
    const [packet] = understood(bench.sent());
    assertEquals([packet?.["cmd"], packet?.["reasonCode"]], ["disconnect", 4]);
    assertEquals(packet?.["properties"], { sessionExpiryInterval: 0, reasonString: "gone" });
    assertEquals(ending(bench.drop()).error, null);
  });

  it("says that all is well where there is nothing to say", () => {
    const bench = online();
    bench.engine.disconnect();
    assertEquals(bench.sent(), "e0020000");
  });

  it("refuses what may not be said, and stays connected", () => {
    const bench = online();
    const ours = [0, 4, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
    for (let reason = -1; reason <= 256; reason++) {
      if (ours.includes(reason)) continue;
      assertThrows(() => bench.engine.disconnect(reason), UsageError, "MQTT5-3.14.2-1");
    }
    // The session was to end with the connection: it cannot be kept any more.
    assertThrows(() => bench.engine.disconnect(0, { sessionExpiryInterval: 1 }), UsageError, "3.14.2.2");
    assertThrows(() => bench.engine.disconnect(0, { reasonString: "\0" }), UsageError);
    assertEquals([bench.state, bench.engine.pending], ["online", 0]);
    bench.engine.disconnect(0, { sessionExpiryInterval: 0 });
    assertEquals(bench.state, "closing");
    for (const reason of ours) online().engine.disconnect(reason);
  });

  it("refuses more words than the server would take [MQTT5-3.14.2-3] [MQTT5-3.14.2-4]", () => {
    const bench = online({ theirs: { maximumPacketSize: 30 } });
    const say = (length: number) => () => bench.engine.disconnect(4, { reasonString: "x".repeat(length) });
    assertEquals(assertThrows(say(24), UsageError).code, "payload-too-large");
    assertEquals([bench.state, bench.engine.pending], ["online", 0]);
    say(23)();
    assertEquals(bench.sent().length, 60);
  });
});

describe("DISCONNECT of the server", () => {
  it("is the error of offline, with all that it says, and nothing is sent behind it", () => {
    const bench = online();
    bench.engine.publish("t", "", 1);
    const error = fault(bench.receive(server({
      cmd: "disconnect",
      reasonCode: 0x9c,
      properties: { reasonString: "full", serverReference: "other:1883", userProperties: { a: "b" } },
    })));
    assert(error instanceof RefusedError);
    assertEquals(error.message, "Disconnected by broker - 0x9c: full");
    assertEquals([error.code, error.reason], ["disconnected-by-server", 0x9c]);
    assertEquals(error.properties, {
      reasonString: "full",
      serverReference: "other:1883",
      userProperties: [["a", "b"]],
    });
    assertEquals(bench.sent(), "");
  });

  it("comes in lengths 0, 1, 2 and more", () => {
    for (
      const [stream, reason] of [["e000", 0], ["e0018e", 0x8e], ["e0028b00", 0x8b], [
        "e006891f000373",
        -1,
      ]] as const
    ) {
      const events = online().receive(stream);
      if (reason === -1) assertEquals(events, [], "it has not come whole");
      else {
        const error = fault(events);
        assert(error instanceof RefusedError);
        assertEquals([error.code, error.reason], ["disconnected-by-server", reason]);
      }
    }
    const closing = online();
    closing.engine.disconnect();
    assertEquals(ending(closing.receive("e0018b")).error, null, "we had said goodbye first");
  });

  it("may not come before CONNACK [MQTT5-3.14.0-1], nor keep the session longer [MQTT5-3.14.2-2]", () => {
    const bench = new Bench({ codec: v5 });
    bench.open();
    broke(bench.receive("e0018b"), "MQTT5-3.2.0-1");
    broke(online().receive("e0078b051100000001"), "MQTT5 section 3.14.2");
  });
});

describe("a fault of the server", () => {
  it("is told in one last batch behind offline, alone, and is gone with the next connection", () => {
    const bench = online();
    bench.engine.publish("t", "", 1);
    bench.engine.ping(0);
    broke(bench.receive("3003000000"), "MQTT5 section 3.3.4");
    assertEquals([bench.state, bench.engine.pending], ["offline", 4]);
    assertEquals(bench.sent(), "e0028200");
    assertEquals(bench.sent(), "");
    again(bench, {}, false);
    broke(bench.receive("3003000000"), "MQTT5 section 3.3.4");
    bench.open();
    assertEquals(understood(bench.sent()).map((packet) => packet["cmd"]), ["connect"]);
  });

  it("is told before CONNACK as well", () => {
    const bench = new Bench({ codec: v5 });
    bench.open();
    bench.sent();
    broke(bench.receive("300400016100"), "MQTT5-3.2.0-1");
    assertEquals(bench.sent(), "e0028200");
  });

  it("is not told where we had said goodbye, nor is what the network did", () => {
    const bench = online();
    bench.engine.disconnect();
    bench.sent();
    assertEquals(ending(bench.receive("3003000000")).error, null);
    assertEquals(bench.sent(), "");
    const other = online();
    other.drop();
    assertEquals(other.sent(), "");
  });
});
