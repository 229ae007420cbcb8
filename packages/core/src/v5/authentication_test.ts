import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../errors.ts";
import { v4 } from "../v4/mod.ts";
import { v5 } from "./mod.ts";
import { Bench, broke, fault, hex, text, utf8 } from "../../tests/support.ts";
import { comparable, connack, online, server, toOracle, understood } from "../../tests/mqtt5.ts";

const METHOD = { authenticationMethod: "SCRAM" };

function challenge(data: string, more: object = {}): string {
  const properties = { ...METHOD, authenticationData: utf8(data), ...more };
  return server({ cmd: "auth", reasonCode: 0x18, properties: toOracle(properties) });
}

/** CONNECT has left, with a method. */
function connecting(): Bench {
  const bench = new Bench({ codec: v5 });
  bench.open({ properties: { ...METHOD, authenticationData: utf8("hello") } });
  bench.sent();
  return bench;
}

describe("authenticate()", () => {
  it("answers as often as the server asks before CONNACK [MQTT5-4.12.0-3]", () => {
    const bench = connecting();
    for (const data of ["one", "two"]) {
      const event = bench.one(challenge(data));
      if (event.type !== "auth") throw new Error(event.type);
      assertEquals([event.packet, event.reason, bench.state], [0xf0, 0x18, "connecting"]);
      assertEquals(event.properties.authenticationMethod, "SCRAM");
      assertEquals(text(event.properties.authenticationData!), data);
      bench.engine.authenticate(0x18, { authenticationData: utf8(`${data}!`) });
      const [packet] = understood(bench.sent());
      assertEquals([packet?.["cmd"], packet?.["reasonCode"]], ["auth", 0x18]);
      // The method is added [MQTT5-4.12.0-5].
      assertEquals(comparable(packet?.["properties"] as object), {
        ...METHOD,
        authenticationData: hex(utf8(`${data}!`)),
      });
    }
    const event = bench.one(connack({ ...METHOD, authenticationData: utf8("welcome") }));
    if (event.type !== "online") throw new Error(event.type);
    assertEquals(text(event.connack.properties!.authenticationData!), "welcome");
  });

  it("begins anew on an open connection, while all else goes on [MQTT5-4.12.1-1]", () => {
    const bench = online({ ours: METHOD, theirs: METHOD });
    for (let round = 0; round < 2; round++) {
      bench.engine.authenticate(0x19, { authenticationData: utf8("again") });
      bench.engine.publish("t", "");
      assertEquals(understood(bench.sent()).map((packet) => packet["cmd"]), ["auth", "publish"]);
      assertEquals(bench.one(challenge("why?")).type, "auth");
      bench.message(server({ cmd: "publish", topic: "t", payload: "", qos: 0, retain: false, dup: false }));
      bench.engine.authenticate(0x18, {});
      assertEquals(understood(bench.sent()).map((packet) => packet["reasonCode"]), [0x18]);
      const event = bench.one(server({ cmd: "auth", reasonCode: 0, properties: METHOD }));
      if (event.type !== "auth") throw new Error(event.type);
      assertEquals(event.reason, 0);
    }
  });

  it("is refused out of turn, without a method, with another one, and where there is no connection", () => {
    const refuses = (bench: Bench, action: () => void, code = "invalid-argument") => {
      assertEquals(assertThrows(action, UsageError).code, code);
      assertEquals(bench.engine.pending, 0);
    };
    const offline = new Bench({ codec: v5 });
    refuses(offline, () => offline.engine.authenticate(0x19), "not-connected");
    const first = connecting();
    // Nobody has asked; and it is not done yet, so that it cannot begin anew.
    refuses(first, () => first.engine.authenticate(0x18));
    refuses(first, () => first.engine.authenticate(0x19));
    first.receive(challenge("one"));
    refuses(first, () => first.engine.authenticate(0x19));
    refuses(first, () => first.engine.authenticate(0x18, { authenticationMethod: "other" }));
    refuses(first, () => first.engine.authenticate(0 as 0x18));
    refuses(first, () => first.engine.authenticate(0x18, { reasonString: "\0" }));
    first.engine.authenticate(0x18);
    first.sent();
    refuses(first, () => first.engine.authenticate(0x18));
    // [MQTT5-4.12.0-7]
    const plain = online();
    refuses(plain, () => plain.engine.authenticate(0x19));
    refuses(plain, () => plain.engine.authenticate(0x19, METHOD));
    const small = online({ ours: METHOD, theirs: { ...METHOD, maximumPacketSize: 30 } });
    const large = { authenticationData: new Uint8Array(30) };
    refuses(small, () => small.engine.authenticate(0x19, large), "payload-too-large");
    const old = Bench.online({ codec: v4 });
    refuses(old, () => old.engine.authenticate(0x19));
  });

  it("has the reply time for all of it, as CONNACK has", () => {
    const bench = connecting();
    bench.now = 6000;
    bench.receive(challenge("one"));
    bench.engine.authenticate(0x18);
    bench.sent();
    assertEquals(fault(bench.tick(10_000)).code, "connack-timeout");
  });
});

describe("a server may not", () => {
  it("send AUTH unasked, before CONNACK or behind it [MQTT5-4.12.0-6]", () => {
    const bench = new Bench({ codec: v5 });
    bench.open();
    assertEquals(broke(bench.receive(challenge("x")), "MQTT5-4.12.0-6").reason, 0x82);
    broke(online().receive(challenge("x")), "MQTT5-4.12.0-6");
    // With a method, but nothing has begun.
    const methods = { ours: METHOD, theirs: METHOD };
    broke(online(methods).receive(challenge("x")), "MQTT5 section 4.12");
    broke(
      online(methods).receive(server({ cmd: "auth", reasonCode: 0, properties: METHOD })),
      "MQTT5 section 4.12",
    );
  });

  it("ask twice, or say yes by AUTH where CONNACK has to", () => {
    const bench = connecting();
    bench.receive(challenge("x"));
    broke(bench.receive(challenge("y")), "MQTT5 section 4.12");
    const other = connecting();
    broke(other.receive(server({ cmd: "auth", reasonCode: 0, properties: METHOD })), "MQTT5 section 4.12");
  });

  it("use another method, or none [MQTT5-4.12.0-5], or name one where CONNECT did not [MQTT5-4.12.0-6]", () => {
    broke(connecting().receive(challenge("x", { authenticationMethod: "other" })), "MQTT5-4.12.0-5");
    broke(connecting().receive(challenge("x", { authenticationMethod: undefined })), "MQTT5-4.12.0-5");
    broke(connecting().receive(connack()), "MQTT5-4.12.0-5");
    const bench = new Bench({ codec: v5 });
    bench.open();
    broke(bench.receive(connack(METHOD)), "MQTT5-4.12.0-6");
  });

  it("begin anew itself, or use a reason that is none [MQTT5-3.15.2-1]", () => {
    for (const reason of ["19", "01", "80", "ff"]) {
      broke(connecting().receive(`f002${reason}00`), "MQTT5-3.15.2-1");
    }
    broke(online({ ours: METHOD, theirs: METHOD }).receive("f10118"), "MQTT5-2.1.3-1");
  });
});
