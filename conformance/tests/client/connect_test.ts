import { Client, type ClientOptions, ConnectionError, RefusedError, UsageError } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { rejectsWith } from "../assertions.ts";
import {
  ACCEPTED,
  CONNECT,
  connect,
  end,
  isSettled,
  online,
  PRESENT,
  RESUME,
  scene,
  settled,
} from "./stage.ts";

describe("Client.connect()", () => {
  it("sends CONNECT with a clean session and 60 seconds of keep alive, and resolves on CONNACK", async () => {
    const set = scene();
    const connecting = connect(set);
    await set.broker.accept();
    await set.broker.expect(CONNECT);
    assertEquals(await isSettled(connecting), false);
    await set.broker.send(ACCEPTED);
    const client = await connecting;
    assertEquals(client.state, "online");
    assertEquals(client.clientId, "golden");
    await end({ ...set, client });
  });

  it("makes a client identifier of its own when there is none: ts and 16 letters and digits", async () => {
    const stage = await online({ clientId: undefined } as object);
    assertEquals(/^ts[0-9a-v]{16}$/.test(stage.client.clientId), true, stage.client.clientId);
    await end(stage);
  });

  it("hints at TLS where a plain connection to port 8883 gets no answer (MM-199)", async () => {
    const set = scene();
    const connecting = connect(set, {}, "mqtt://broker.test:8883").catch((error) => error);
    await set.broker.accept();
    await set.broker.packet();
    await set.broker.close();
    const error = await connecting;
    assertEquals(
      [error.code, error.message],
      ["closed", "Connection closed by broker (port 8883 is for TLS: is tls() meant?)"],
    );
  });

  it("resumes a session when asked to, and says so in its status", async () => {
    const set = scene();
    const connecting = connect(set, { session: "resume" });
    await set.broker.accept();
    await set.broker.expect(RESUME);
    await set.broker.send(PRESENT);
    const client = await connecting;
    const { value } = await client.status().next();
    assertEquals(value, {
      state: "online",
      broker: "broker.test:1883",
      resumed: true,
      text: "connected to broker.test:1883, session resumed",
    });
    await end({ ...set, client });
  });

  it("says what the options say: keep alive in milliseconds, will, user name and password", async () => {
    const set = scene();
    const connecting = connect(set, {
      keepAlive: 1500,
      will: { topic: "w", payload: new Uint8Array([1, 2]).buffer, qos: 1, retain: true },
      credentials: { username: "u", password: "p" },
    });
    await set.broker.accept();
    await set.broker.expect("101f00044d51545404ee00020006676f6c64656e00017700020102000175000170");
    await set.broker.send(ACCEPTED);
    await end({ ...set, client: await connecting });
  });

  it("takes user name and password from the URL, and from the option rather than from there", async () => {
    const set = scene();
    for (
      const [credentials, expected] of [[undefined, "000161000162"], [{ username: "x" }, "000178"]] as const
    ) {
      const connecting = connect(set, { ...(credentials && { credentials }) }, "mqtt://a:b@broker.test");
      await set.broker.accept();
      assertEquals((await set.broker.packet()).endsWith(expected), true);
      await set.broker.send(ACCEPTED);
      await end({ ...set, client: await connecting });
    }
  });

  it("asks a function for credentials before each attempt, and a failure of it is one of the attempt", async () => {
    const set = scene();
    let calls = 0;
    const connecting = connect(set, {
      reconnect: { initially: true },
      credentials: async ({ signal }) => {
        assertEquals(signal.aborted, false);
        await settled();
        if (++calls === 1) throw new Error("the token server is away");
        return { username: `token ${calls}` };
      },
    });
    await settled();
    await settled();
    const welcome = set.broker.welcome();
    await set.clock.advance(1000);
    await set.clock.advance(1);
    await welcome;
    const client = await connecting;
    assertEquals(calls, 2);
    await end({ ...set, client });
  });

  it("gives up a function for credentials that takes longer than connectTimeout", async () => {
    const set = scene();
    const connecting = connect(set, { credentials: () => new Promise(() => {}), connectTimeout: 300 });
    connecting.catch(() => {});
    await set.clock.advance(300);
    const error = await rejectsWith(
      connecting,
      ConnectionError,
      "no connection to broker.test:1883 within 300 milliseconds (connectTimeout)",
    );
    assertEquals(error.code, "dial-timeout");
  });

  it("rejects with the signal's reason before, during and after dialling, and leaves nothing behind", async () => {
    const reason = new Error("changed my mind");
    const set = scene();
    await assertRejects(() => connect(set, { signal: AbortSignal.abort(reason) }), Error, "changed my mind");
    assertEquals(set.network.dialled.length, 0);

    set.network.answer = "silence";
    const dialling = new AbortController();
    const attempt = connect(set, { signal: dialling.signal });
    await settled();
    dialling.abort(reason);
    assertStrictEquals(await attempt.catch((error) => error), reason);

    set.network.answer = "accept";
    const waiting = new AbortController();
    const second = connect(set, { signal: waiting.signal });
    await set.broker.accept();
    await set.broker.expect(CONNECT);
    waiting.abort(reason);
    assertStrictEquals(await second.catch((error) => error), reason);
    await set.broker.expectEnd();
    assertEquals(set.clock.armed, 0);
  });

  it("rejects with the refusal of the broker, and tries no more", async () => {
    const set = scene();
    const connecting = connect(set);
    await set.broker.welcome("20020005");
    const error = await rejectsWith(connecting, RefusedError, "Connection Refused - Unauthorized");
    assertEquals([error.code, error.returnCode], ["connection-refused", 5]);
    assertEquals(set.network.dialled.length, 1);
    assertEquals(set.clock.armed, 0);
  });

  it("rejects when no CONNACK comes within replyTimeout", async () => {
    const set = scene();
    const connecting = connect(set, { replyTimeout: 500 });
    connecting.catch(() => {});
    await set.broker.accept();
    await set.broker.packet();
    await set.clock.advance(500);
    const error = await assertRejects(() => connecting, ConnectionError);
    assertEquals(error.code, "connack-timeout");
  });

  it("goes on for ever with reconnect.initially, each wait twice the last up to 16 times", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const connecting = connect(set, { reconnect: { initially: true, delay: 100 } });
    const times: number[] = [];
    for (let elapsed = 0, seen = 0; times.length < 8; elapsed += 10) {
      await set.clock.advance(elapsed === 0 ? 0 : 10);
      if (set.network.dialled.length > seen) times.push(elapsed);
      seen = set.network.dialled.length;
    }
    const gaps = times.slice(1).map((time, i) => time - times[i]!);
    assertEquals(gaps, [100, 200, 400, 800, 1600, 1600, 1600]);
    set.network.answer = "accept";
    const welcome = set.broker.welcome();
    await set.clock.advance(1600);
    await welcome;
    await end({ ...set, client: await connecting });
  });

  it("gives up after reconnect.attempts attempts in a row", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const connecting = connect(set, { reconnect: { initially: true, delay: 10, attempts: 3 } });
    const error = await assertRejects(() => set.clock.run(connecting), ConnectionError);
    assertEquals([error.code, set.network.dialled.length], ["dial-failed", 3]);
  });
});

describe("Client.connect() with several brokers", () => {
  const brokers = ["mqtt://a.test", "mqtt://b.test:1884", new URL("mqtts://c.test/path")];

  it("takes the first that accepts, in order, without a wait between them", async () => {
    const set = scene();
    set.network.answer = "refuse";
    const refusing = connect(set, {}, brokers);
    const error = await rejectsWith(refusing, ConnectionError, "c.test:8883 refused the connection");
    assertEquals(error.code, "dial-failed");
    assertEquals(set.network.dialled, [
      { host: "a.test", port: 1883, secure: false },
      { host: "b.test", port: 1884, secure: false },
      { host: "c.test", port: 8883, secure: true, path: "/path" },
    ]);
    const connecting = connect(set, { reconnect: { initially: true } }, brokers);
    await settled();
    set.network.answer = "accept";
    const welcome = set.broker.welcome();
    await set.clock.advance(1000);
    await welcome;
    const client = await connecting;
    assertEquals(set.network.dialled.at(-1)?.host, "a.test", "back to the start after the last");
    await end({ ...set, client });
  });

  it("goes on to the next one when a connection is lost, and back to the first after the last", async () => {
    const set = scene();
    const [client] = await Promise.all([connect(set, {}, brokers), set.broker.welcome()]);
    for (let i = 0; i < 4; i++) {
      await set.clock.advance(5000);
      await set.broker.close();
      const welcome = set.broker.welcome();
      await set.clock.advance(0);
      await welcome;
    }
    assertEquals(set.network.dialled.map(({ host }) => host[0]).join(""), "abcab");
    await end({ ...set, client });
  });

  it("leaves out a broker that refuses for good, and ends with the last one", async () => {
    const set = scene();
    const connecting = connect(set, {}, brokers);
    await set.broker.welcome("20020004");
    await set.broker.welcome("20020000");
    const client = await connecting;
    const status = client.status();
    await set.clock.advance(5000);
    await set.broker.close();
    await set.broker.welcome("20020001");
    await set.clock.advance(16_000);
    await set.broker.welcome("20020002");
    const texts: string[] = [];
    for await (const { text } of status) texts.push(text);
    assertEquals(texts, [
      "connected to b.test:1884",
      "connection lost: Connection closed by broker; next attempt now",
      "connecting to c.test:8883",
      "no connection: Connection Refused - Incorrect Protocol Version; next attempt in 16.0 s",
      "connecting to b.test:1884, attempt 2",
      "given up: Connection Refused - ID Rejected",
    ]);
    await rejectsWith(client.publish("t", "m"), RefusedError, "Connection Refused - ID Rejected");
    await client.close();
  });
});

describe("Client.connect(): wrong options", () => {
  const network = memory();
  const { transport } = network;
  const good = { transport };
  const cases: readonly (readonly [string, unknown, unknown, string])[] = [
    ["no broker", [], good, "connect() takes the URL of a broker, or a list of them"],
    ["port 0", "mqtt://broker.test:0", good, "port must be an integer from 1 to 65535, not 0"],
    [
      "a scheme the transport does not serve",
      "ws://x",
      good,
      "transport memory serves mqtt:, mqtts: not ws:",
    ],
    [
      "no transport",
      "x",
      {},
      "no transport: pass transport: tcp() of @minimqtt/transport-tcp, or another one",
    ],
    [
      "an unknown option",
      "x",
      { ...good, keepalive: 60 },
      "there is no option keepalive: is keepAlive meant?",
    ],
    ["an unknown option within", "x", { ...good, sending: { size: 1 } }, "there is no option sending.size"],
    ["seconds", "x", { ...good, keepAlive: 60 }, "keepAlive is in milliseconds, 60 is too short"],
    [
      "too long a keep alive",
      "x",
      { ...good, keepAlive: 1e9 },
      "keepAlive must be a number from 0 to 65535000, not 1000000000",
    ],
    [
      "a session to resume without an identifier",
      "x",
      { ...good, session: "resume" },
      'session: "resume" needs a clientId',
    ],
    ["another session", "x", { ...good, session: true }, "session must be one of clean, resume, not true"],
    [
      "a password without a user name",
      "x",
      { ...good, credentials: { password: "p" } },
      "Password requires a username",
    ],
    [
      "a will that is none",
      "x",
      { ...good, will: { topic: "t", payload: 1 } },
      "a payload is text, a Uint8Array, an ArrayBuffer or a view of one",
    ],
    [
      "a will to a filter",
      "x",
      { ...good, will: { topic: "#", payload: "" } },
      "Publish topic can not contain wildcards.",
    ],
    [
      "an empty window",
      "x",
      { ...good, sending: { window: 0 } },
      "sending.window must be a number from 1 to 60000, not 0",
    ],
    [
      "what to do when full",
      "x",
      { ...good, sending: { whenFull: "drop" } },
      "sending.whenFull must be one of wait, reject, drop-oldest, latest, not drop",
    ],
  ];
  for (const [name, brokers, options, text] of cases) {
    it(`rejects ${name}, and opens nothing`, async () => {
      await rejectsWith(Client.connect(brokers as string, options as ClientOptions), UsageError, text);
      assertEquals(network.dialled, []);
    });
  }

  it("makes wrong combinations a matter of types", () => {
    const options: ClientOptions[] = [
      { transport, session: "resume", clientId: "c" },
      { transport, session: "clean" },
      { transport },
      // @ts-expect-error a session needs a client identifier to be resumed by
      { transport, session: "resume" },
      // @ts-expect-error a password needs a user name
      { transport, credentials: { password: "p" } },
      // @ts-expect-error an option that there is not
      { transport, keepalive: 60 },
    ];
    assertEquals(options.length, 6);
  });
});
