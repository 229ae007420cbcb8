import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../errors.ts";
import { v4 } from "./mod.ts";
import { Bench, CONNECT_OPTIONS } from "../../tests/support.ts";

describe("MQTT 3.1.1", () => {
  it("refuses what MQTT 5 alone has, before a byte is queued and without changing anything", () => {
    const bench = Bench.online({ codec: v4 });
    const { engine } = bench;
    const filter = { topic: "t", qos: 0 } as const;
    for (
      const action of [
        () => engine.publish("t", "", 0, false, { contentType: "c" }),
        () => engine.publish("t", "", 1, false, {}),
        () => engine.subscribe([filter], { subscriptionIdentifier: 1 }),
        () => engine.subscribe([{ ...filter, noLocal: true }]),
        () => engine.subscribe([filter, { ...filter, retainAsPublished: true }]),
        () => engine.subscribe([{ ...filter, retainHandling: 1 }]),
        () => engine.unsubscribe(["t"], {}),
        () => engine.disconnect(4),
        () => engine.disconnect(0, {}),
        () => engine.authenticate(0x19),
      ]
    ) {
      assertEquals(assertThrows(action, UsageError).code, "invalid-argument", `${action}`);
      assertEquals([bench.state, engine.pending], ["online", 0], `${action}`);
    }
    engine.subscribe([{ ...filter, noLocal: false, retainAsPublished: false, retainHandling: 0 }]);
    bench.drop();
    const will = { topic: "w", payload: "", properties: {} };
    for (
      const more of [{ properties: {} }, { will }, { clientId: "", cleanSession: false }, { password: "p" }]
    ) {
      assertThrows(() => engine.opened({ ...CONNECT_OPTIONS, ...more }, 1, 0), UsageError);
    }
    assertEquals([bench.state, engine.pending], ["offline", 0]);
  });
});
