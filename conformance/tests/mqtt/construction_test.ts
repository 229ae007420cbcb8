import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MMQTTStateError, MQTT, type MQTTOptions, UsageError } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { throwsWith } from "../assertions.ts";
import { BOTH, dialling, SECURE } from "./dialling.ts";
import { online, stage } from "./stage.ts";

type Options = Partial<MQTTOptions<unknown, false>>;

/** Makes a client of options that the types may forbid, on a transport that is plain. */
function make(options: Record<string, unknown>): MQTT {
  return dialling(options as Options).client;
}

function refused(options: Record<string, unknown>, text: string | RegExp): void {
  const error = throwsWith(() => make(options), UsageError, text);
  assertEquals(error.code, "invalid-argument");
}

describe("new MQTT(): options", () => {
  it("new MQTT() takes port 1883 for plain, 8883 for secure, and keeps a given one (MM-001)", () => {
    const port = (options: Options, schemes = BOTH as typeof BOTH | typeof SECURE) =>
      dialling(options, undefined, schemes).client.port;
    assertEquals(port({}), 1883);
    assertEquals(port({ isSsl: true }), 8883);
    assertEquals(port({}, SECURE), 8883);
    for (const none of [null, 0]) {
      assertEquals(port({ port: none }), 1883);
      assertEquals(port({ port: none, isSsl: true }), 8883);
    }
    for (const isSsl of [true, false, null]) assertEquals(port({ isSsl, port: 9999 }), 9999);
  });

  it("new MQTT() is plain unless isSsl is true, where the transport can do both (MM-002)", async () => {
    for (const isSsl of [null, false, true]) {
      const { client, clock, addresses } = dialling(
        { isSsl, connectRetries: 1 },
        () => new Error("far enough"),
        BOTH,
      );
      await clock.run(client.connect()).catch(() => {});
      assertEquals(addresses.map(({ secure }) => secure), [isSsl === true]);
    }
  });

  it("new MQTT() refuses a transport that is less or more secure than isSsl asks for (MM-002)", () => {
    const error = throwsWith(() => make({ isSsl: true }), UsageError, /./);
    assertStringIncludes(error.message, "ssl_context must be provided if using ssl");
    throwsWith(
      () => dialling({ isSsl: false }, undefined, SECURE),
      UsageError,
      "transport fake serves mqtts: not isSsl: false",
    );
  });

  it("new MQTT() refuses a broker that is no host (MM-009)", () => {
    const text = "broker must be a host name, an IP address or a URL";
    for (const broker of [undefined, null, "", 5, {}, "user:secret@host", "host/path", "ho st"]) {
      refused({ broker }, text);
    }
    throwsWith(() => stage().client.broker = "", UsageError, text);
    refused({ broker: "host:1883" }, "a broker with a port is a URL: write mqtt://host:1883");
    for (const broker of ["mqtt://", "mqtt://h:99999", "mqtt://u:secret@h:x", "mqtt://[::1", "mqtt://a b"]) {
      const error = throwsWith(() => make({ broker }), UsageError, /URL/);
      assertFalse(error.message.includes("secret"), error.message);
    }
    refused({ broker: "wss://host" }, "transport fake serves mqtt: not wss:");
  });

  it("new MQTT() takes names, addresses and URLs as broker (MM-009)", () => {
    const target = (broker: string, port?: number) => {
      const { client } = stage({ broker, ...(port && { port }) });
      return [client.broker, client.port];
    };
    assertEquals(target("localhost"), ["localhost", 1883]);
    assertEquals(target("192.0.2.1"), ["192.0.2.1", 1883]);
    assertEquals(target("::1"), ["::1", 1883]);
    assertEquals(target("[2001:db8::1]"), ["2001:db8::1", 1883]);
    assertEquals(target("mqtt://broker.example"), ["broker.example", 1883]);
    assertEquals(target("mqtt://broker.example/"), ["broker.example", 1883]);
    assertEquals(target("mqtt://broker.example:0"), ["broker.example", 1883]);
    assertEquals(target("mqtt://[2001:db8::1]:1884"), ["2001:db8::1", 1884]);
    assertEquals(target("mqtt://broker.example:1884", 1885), ["broker.example", 1885]);
  });

  it("new MQTT() refuses options it does not know, and anything but options (MM-016)", () => {
    refused({ socketPool: {} }, "there is no option socketPool");
    // @ts-expect-error: the types know no other options either.
    throwsWith(() => new MQTT({ broker: "h", keep_alive: 5 }), UsageError, /keep_alive: is keepAlive meant/);
    for (const positional of ["broker.test", undefined, null, 7]) {
      const action = () => new MQTT(positional as unknown as MQTTOptions);
      const error = throwsWith(action, UsageError, /^new MQTT\(\) takes an object of options, not /);
      assertEquals(error.code, "invalid-argument");
    }
  });
});

describe("new MQTT(): client identifier", () => {
  it("new MQTT() makes an identifier of cpy and 16 characters, never the same twice (MM-010) [MQTT-3.1.3-5]", () => {
    const ids = Array.from({ length: 1000 }, () => make({ clientId: undefined }).clientId);
    for (const id of ids) assertMatch(id, /^cpy[0-9A-Za-z]{16}$/);
    // The reference has some 100 000 values at most: a thousand clients of its kind collide for certain.
    assertEquals(new Set(ids).size, 1000);
    const used = new Set(ids.flatMap((id) => [...id.slice(3)]));
    assertEquals(used.size, 32);
    assertMatch(make({ clientId: null }).clientId, /^cpy/);
  });
});

describe("new MQTT(): what it does not do", () => {
  it("new MQTT() opens nothing and starts no timer (MM-014)", () => {
    const { client, clock, addresses } = dialling();
    assertEquals(addresses, []);
    assertEquals(clock.armed, 0);
    assertFalse(client.isConnected());
  });

  it("userData is what callbacks get, as it is when they are called (MM-015)", async () => {
    const first = { name: "first" };
    const { client, broker, clock } = stage({ userData: first });
    const seen: unknown[] = [];
    client.onConnect = (_client, userData) => seen.push(userData);
    client.onPublish = (_client, userData) => seen.push(userData);
    assertEquals(client.userData, first);
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    client.userData = "second";
    await clock.run(client.publish("t", "x"));
    assertEquals(seen, [first, "second"]);
  });

  it("two clients share nothing: not the transport's connection, not flags, not options (MM-024, MM-046)", async () => {
    const network = memory();
    const one = stage({ transport: network.transport, clientId: "one", username: "u", password: "p" });
    const two = stage({ transport: network.transport, clientId: "two" });
    const connecting = [one, two].map(({ client, clock }) => clock.run(client.connect()));
    const brokers = [await network.accept(), await network.accept()];
    const hex = brokers.map(async (connection) => {
      const bytes = await connection.read();
      await connection.write(Uint8Array.of(0x20, 2, 0, 0));
      return bytes![9];
    });
    assertEquals(await Promise.all(hex), [0xc2, 0x02]);
    assertEquals(await Promise.all(connecting), [0, 0]);
    assert(one.client.isConnected() && two.client.isConnected());
  });

  it("MMQTTStateError is an MMQTTException, and both are errors (1.5)", async () => {
    const error = new MMQTTStateError("text");
    assert(error instanceof MMQTTException && error instanceof Error);
    assertEquals([error.name, error.message, error.code], ["MMQTTStateError", "text", null]);
    assertEquals(new MMQTTException("text", 5).code, 5);
    assertFalse((await online()).client instanceof Promise);
  });
});

describe("new MQTT(): the reference's test_port_ssl.py, restated (3.2)", () => {
  const fails = () => new Error("the network is not there");

  it("connect() goes to 1883 without TLS when isSsl is not set: test_default_port", async () => {
    const { client, clock, addresses } = dialling({ broker: "127.0.0.1", connectRetries: 1 }, fails, BOTH);
    await clock.run(client.connect()).then(() => assert(false), (error) => {
      assert(error instanceof MMQTTException);
    });
    assertEquals(addresses, [{ host: "127.0.0.1", port: 1883, secure: false }]);
  });

  it("connect() goes where its arguments say: test_connect_override", async () => {
    const options = { broker: "127.0.0.1", port: 1883, connectRetries: 1 };
    const { client, clock, addresses } = dialling(options, fails);
    await clock.run(client.connect({ host: "127.0.0.2", port: 1884 })).catch(() => {});
    assertEquals(addresses, [{ host: "127.0.0.2", port: 1884, secure: false }]);
    assertEquals([client.broker, client.port], ["127.0.0.2", 1884]);
  });

  it("connect() goes to 8883, or the port given, with TLS when isSsl is true: test_tls_port", async () => {
    for (const [port, expected] of [[null, 8883], [8883, 8883], [9999, 9999]] as const) {
      const options = { broker: "127.0.0.1", isSsl: true, port, connectRetries: 1 };
      const { client, clock, addresses } = dialling(options, fails, BOTH);
      await clock.run(client.connect()).catch(() => {});
      assertEquals(addresses, [{ host: "127.0.0.1", port: expected, secure: true }]);
    }
  });

  it("new MQTT() refuses isSsl with a transport that is plain: test_tls_without_ssl_context", () => {
    const error = throwsWith(
      () => make({ isSsl: true }),
      UsageError,
      /^ssl_context must be provided if using ssl/,
    );
    assertEquals(error.code, "invalid-argument");
  });
});
