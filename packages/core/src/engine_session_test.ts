import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Codec } from "./codec.ts";
import { UsageError } from "./errors.ts";
import { PUBACK, PUBCOMP, PUBLISH, PUBREC, SUBACK } from "./packets.ts";
import { v4 } from "./v4/mod.ts";
import { ACCEPTED, Bench, KEEP, lost, PRESENT, progress, publish, settled, u16 } from "../tests/support.ts";

const out = (id: number, qos: number, dup: boolean) => publish("t", `${id}`, { id, qos, dup });

/** Messages 1 to 6: released, sent with QoS 1, sent with QoS 2, released (before 1), settled, queued. */
function underWay(bench: Bench): void {
  const { engine } = bench;
  for (const [id, qos] of [[1, 2], [2, 1], [3, 2], [4, 2], [5, 1]] as const) {
    engine.publish("t", `${id}`, qos);
  }
  bench.sent();
  bench.receive("50020004 50020001 40020005");
  assertEquals(bench.sent(), "6202000462020001");
}

describe("a session that is present", () => {
  it("goes on: PUBLISH in order with DUP, PUBREL in the order of the PUBRECs, then what is new [MQTT-4.4.0-1] [MQTT-4.6.0-1] [MQTT-3.3.1-1] (MM-225)", () => {
    const bench = Bench.online({}, KEEP);
    underWay(bench);
    bench.drop();
    assertEquals(bench.engine.publish("t", "6", 1), 6);
    assertEquals(bench.online(KEEP, PRESENT).map((event) => event.type), ["online"]);
    assertEquals(bench.sent(), out(2, 1, true) + out(3, 2, true) + "6202000462020001" + out(6, 1, false));
    assertEquals(bench.receive("40020002 50020003 70020001 70020004 40020006 70020003"), [
      settled(PUBACK, 2),
      progress(PUBREC, 3),
      settled(PUBCOMP, 1),
      settled(PUBCOMP, 4),
      settled(PUBACK, 6),
      settled(PUBCOMP, 3),
    ]);
    assertEquals(bench.sent(), "62020003");
    assertEquals(bench.engine.publish("t", "7", 1), 7);
  });

  it("goes on as often as it takes, in the same order and with the same identifiers [MQTT-2.3.1-3]", () => {
    const bench = Bench.online({}, KEEP);
    underWay(bench);
    for (let i = 0; i < 3; i++) {
      bench.drop();
      bench.online(KEEP, PRESENT);
      assertEquals(bench.sent(), out(2, 1, true) + out(3, 2, true) + "6202000462020001");
    }
    bench.receive("50020003");
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(
      bench.sent(),
      out(2, 1, true) + "620200046202000162020003",
      "never a PUBLISH after its PUBREL",
    );
  });

  it("sends PUBREL in the order of the first PUBRECs, also where one came twice [MQTT-4.6.0-4]", () => {
    const bench = Bench.online({}, KEEP);
    bench.engine.publish("t", "1", 2);
    bench.engine.publish("t", "2", 2);
    bench.sent();
    bench.receive("50020002 50020001 50020002");
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "6202000262020001");
  });

  it("lets a SUBSCRIBE go first that is commanded when it is present, and no PUBLISH", () => {
    for (const qos of [0, 1] as const) {
      const bench = Bench.online({}, KEEP);
      underWay(bench);
      bench.drop();
      bench.open(KEEP);
      bench.sent();
      bench.one(PRESENT);
      assertEquals(bench.engine.pending, 1);
      bench.engine.publish("t", "new", qos);
      bench.engine.subscribe([{ topic: "a", qos: 0 }]);
      const again = out(2, 1, true) + out(3, 2, true) + "6202000462020001";
      const subscribe = `8206000${qos === 0 ? 6 : 7}00016100`;
      const fresh = publish("t", "new", { qos, id: 6 });
      assertEquals(bench.sent(), again + fresh + subscribe);
    }
    const bench = Bench.online({}, KEEP);
    underWay(bench);
    bench.drop();
    bench.open(KEEP);
    bench.sent();
    bench.one(PRESENT);
    bench.engine.subscribe([{ topic: "a", qos: 0 }]);
    assertEquals(
      bench.sent(),
      "82060006" + "00016100" + out(2, 1, true) + out(3, 2, true) + "6202000462020001",
    );
  });

  it("keeps to the window, and to a smaller one of the next connection", () => {
    let receiveMaximum = 65_535;
    const wire = v4.open();
    const codec: Codec = {
      ...v4,
      open: () => ({
        ...wire,
        readConnack: (box) => ({ ...wire.readConnack(box), receiveMaximum }),
      }),
    };
    const bench = Bench.online({ codec, maxInflight: 4 }, KEEP);
    for (let id = 1; id <= 6; id++) bench.engine.publish("t", `${id}`, id % 2 === 0 ? 2 : 1);
    bench.sent();
    bench.receive("50020002");
    bench.sent();
    bench.drop();
    receiveMaximum = 2;
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), out(1, 1, true) + out(3, 1, true));
    bench.receive("40020003");
    assertEquals(bench.sent(), out(4, 2, true));
    bench.receive("40020001");
    assertEquals(bench.sent(), "62020002");
    bench.receive("70020002");
    assertEquals(bench.sent(), out(5, 1, false));
  });

  it("takes answers for what was sent on an earlier connection and not yet again", () => {
    // A window of one on the second connection: 2 and 3 wait to be sent again.
    let receiveMaximum = 65_535;
    const wire = v4.open();
    const codec: Codec = {
      ...v4,
      open: () => ({ ...wire, readConnack: (box) => ({ ...wire.readConnack(box), receiveMaximum }) }),
    };
    const bench = Bench.online({ codec, maxInflight: 3 }, KEEP);
    for (let id = 1; id <= 4; id++) bench.engine.publish("t", `${id}`, id === 1 ? 1 : 2);
    bench.sent();
    bench.drop();
    receiveMaximum = 1;
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), out(1, 1, true));
    assertEquals(bench.receive("50020002"), [progress(PUBREC, 2)]);
    assertEquals(bench.sent(), "", "its PUBREL leaves in its turn");
    assertEquals(bench.receive("50020003 70020003"), [progress(PUBREC, 3), settled(PUBCOMP, 3)]);
    assertEquals(bench.receive("50020004"), [progress(PUBREC, 4, false)], "4 was never sent");
    assertEquals(bench.sent(), "62020004");
    assertEquals(bench.receive("40020001"), [settled(PUBACK, 1)]);
    assertEquals(bench.sent(), "62020002", "never its PUBLISH again [MQTT-4.3.3-1]");
    assertEquals(bench.receive("70020002"), [settled(PUBCOMP, 2)]);
    assertEquals(bench.sent(), out(4, 2, false));
  });

  it("survives connections that end before CONNACK", () => {
    const bench = Bench.online({}, KEEP);
    underWay(bench);
    bench.drop();
    for (const answer of ["", "20020003", "d000"]) {
      bench.open(KEEP);
      bench.sent();
      bench.receive(answer);
      bench.drop();
    }
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), out(2, 1, true) + out(3, 2, true) + "6202000462020001");
  });

  it("does not bring SUBSCRIBE and UNSUBSCRIBE again; their identifiers are free", () => {
    const bench = Bench.online({}, KEEP);
    const { engine } = bench;
    engine.subscribe([{ topic: "t", qos: 0 }]);
    engine.unsubscribe(["t"]);
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "");
    assertEquals(bench.receive("9003000100"), [progress(SUBACK, 1, false)]);
    for (let i = 3; i <= 65_535; i++) engine.publish("t", "", 1);
    assertEquals([engine.publish("t", "", 1), engine.publish("t", "", 1)], [1, 2]);
    assertThrows(() => engine.publish("t", "", 1), UsageError);
  });

  it("never brings QoS 0 again [MQTT-4.3.1-1]", () => {
    const bench = Bench.online({}, KEEP);
    bench.engine.publish("t", "x");
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "");
  });

  it("keeps what was released after disconnect() had been called", () => {
    const bench = Bench.online({}, KEEP);
    bench.engine.publish("t", "1", 2);
    bench.engine.disconnect();
    bench.sent();
    bench.receive("50020001");
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), "62020001");
  });
});

describe("a session that is lost", () => {
  it("tells what had been sent, frees the identifiers, and sends what had not [MQTT-3.1.2-6] (MM-225)", () => {
    for (const connect of [KEEP, { ...KEEP, cleanSession: true }]) {
      const bench = Bench.online({}, KEEP);
      underWay(bench);
      bench.drop();
      bench.engine.publish("t", "6", 2);
      const [online, ...rest] = bench.online(connect);
      assertEquals(online?.type, "online");
      assertEquals(rest, [lost(2), lost(3), lost(4, true), lost(1, true)]);
      assertEquals(bench.sent(), out(6, 2, false));
      assertEquals(bench.receive("40020002 70020001"), [
        progress(PUBACK, 2, false),
        progress(PUBCOMP, 1, false),
      ]);
      for (let id = 7; id <= 65_535; id++) bench.engine.publish("t", "", 1);
      assertEquals(bench.engine.publish("t", "", 1), 1);
    }
  });

  it("tells all of 65535 in good time, before what came behind CONNACK", () => {
    const bench = Bench.online({ maxInflight: 65_535 }, KEEP);
    for (let i = 0; i < 65_535; i++) bench.engine.publish("t", "", 1);
    bench.sent();
    bench.drop();
    bench.open(KEEP);
    const events = bench.receive(ACCEPTED + "d000");
    assertEquals(events.length, 65_537);
    assertEquals(events[1], lost(1));
    assertEquals(events[65_535], lost(65_535));
    assertEquals(events[65_536]?.type, "pong");
    assertEquals(bench.engine.publish("t", "", 1), 1);
  });

  it("is dropped with the client identifier it belonged to [MQTT-3.1.3-2]", () => {
    const bench = Bench.online({}, KEEP);
    underWay(bench);
    const held = bench.message(publish("in", "x", { qos: 2, id: 50 }));
    bench.drop();
    bench.engine.publish("t", "6", 1);
    bench.open({ ...KEEP, clientId: "other" });
    assertEquals(bench.pull(), [lost(2), lost(3), lost(4, true), lost(1, true)]);
    bench.sent();
    bench.receive(PRESENT);
    assertEquals(bench.sent(), out(6, 1, false), "nothing of the other's session");
    bench.engine.acknowledge(held);
    assertEquals(bench.sent(), "");
    assertEquals(bench.message(publish("in", "y", { qos: 2, id: 50 })).id, 50);
  });

  it("tells each message once, also when the connection ends before the events are pulled", () => {
    const bench = Bench.online({}, KEEP);
    bench.engine.publish("t", "x", 1);
    bench.sent();
    bench.drop();
    bench.open({ ...KEEP, clientId: "other" });
    assertEquals(bench.drop().map((event) => event.type), ["lost", "offline"]);
    assertEquals(bench.online({ ...KEEP, clientId: "third" }).map((event) => event.type), ["online"]);
  });
});

describe("a session that is lost, with republish", () => {
  it("sends what was unacknowledged anew, in order and before what is new, and tells what the server had taken over (MM-225)", () => {
    const bench = Bench.online({ republish: true }, KEEP);
    underWay(bench);
    bench.drop();
    bench.engine.publish("t", "6", 1);
    const [online, ...rest] = bench.online(KEEP);
    assertEquals(online?.type, "online");
    assertEquals(rest, [lost(4, true), lost(1, true)]);
    assertEquals(bench.sent(), out(2, 1, false) + out(3, 2, false) + out(6, 1, false));
    assertEquals(bench.receive("40020002"), [settled(PUBACK, 2)]);
  });

  it("sends with DUP only once it was sent to this session [MQTT-3.3.1-1]", () => {
    const bench = Bench.online({ republish: true }, KEEP);
    bench.engine.publish("t", "1", 1);
    assertEquals(bench.sent(), out(1, 1, false));
    bench.drop();
    bench.online(KEEP);
    assertEquals(bench.sent(), out(1, 1, false));
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.sent(), out(1, 1, true));
  });
});

describe("an incoming QoS 2 identifier", () => {
  it("is held across a reconnect: no second delivery [MQTT-4.3.3-2]", () => {
    const bench = Bench.online({}, KEEP);
    const again = publish("t", "x", { qos: 2, id: 7, dup: true });
    bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 2, id: 7 })));
    bench.drop();
    bench.online(KEEP, PRESENT);
    assertEquals(bench.receive(again), [progress(PUBLISH, 7)]);
    assertEquals(bench.sent(), "50020007");
    bench.drop();
    bench.online(KEEP, PRESENT);
    bench.receive("62020007");
    assertEquals(bench.sent(), "70020007");
    assertEquals(bench.message(again).id, 7);
  });

  it("is answered when the application is done with it, on whichever connection that is", () => {
    for (const when of ["before", "offline", "after"] as const) {
      const bench = Bench.online({}, KEEP);
      const again = publish("t", "x", { qos: 2, id: 7, dup: true });
      const message = bench.message(publish("t", "x", { qos: 2, id: 7 }));
      if (when === "before") {
        bench.engine.closed(null);
        bench.engine.acknowledge(message);
      }
      bench.drop();
      if (when === "offline") bench.engine.acknowledge(message);
      bench.online(KEEP, PRESENT);
      assertEquals(bench.receive(again, again), [progress(PUBLISH, 7), progress(PUBLISH, 7)]);
      if (when === "after") {
        assertEquals(bench.sent(), "");
        bench.engine.acknowledge(message);
        assertEquals(bench.sent(), "50020007");
      } else {
        assertEquals(bench.sent(), "5002000750020007");
      }
    }
  });

  it("is free when the server has no session [MQTT-3.1.2-6]", () => {
    for (const connect of [KEEP, { ...KEEP, cleanSession: true }]) {
      const bench = Bench.online({}, KEEP);
      bench.engine.acknowledge(bench.message(publish("t", "x", { qos: 2, id: 7 })));
      const old = bench.message(publish("t", "y", { qos: 2, id: 8 }));
      bench.drop();
      bench.online(connect);
      assertEquals(bench.message(publish("t", "x", { qos: 2, id: 7 })).id, 7);
      const message = bench.message(publish("t", "z", { qos: 2, id: 8 }));
      bench.engine.acknowledge(old);
      assertEquals(bench.receive("62020009").length, 1);
      assertEquals(bench.sent(), `7002${u16(9)}`);
      bench.engine.acknowledge(message);
      assertEquals(bench.sent(), "", "7 came first");
    }
  });
});
