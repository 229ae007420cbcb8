/**
 * Every public function of both clients and of all transports, with every kind of wrong value in every place: each is a
 * `UsageError`, at once, and nothing is sent.
 */
import { Client, MQTT, setSocket } from "@minimqtt/client";
import { memory, memoryPair } from "@minimqtt/client/memory";
import type { Transport } from "@minimqtt/core";
import { esp32spi, EspSpiControl } from "@minimqtt/transport-esp32spi";
import { EspEmulator } from "@minimqtt/transport-esp32spi/emulator";
import { tcp } from "@minimqtt/transport-tcp";
import { tls } from "@minimqtt/transport-tls";
import { ws } from "@minimqtt/transport-ws";
import { UsageError } from "@minimqtt/core";
import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import * as ofClient from "../client/stage.ts";
import * as ofMqtt from "../mqtt/stage.ts";

// deno-lint-ignore no-explicit-any -- wrong values are what it is about.
type Anything = any;

/** Wrong values by what they are. */
interface Wrong {
  readonly [what: string]: Anything;
}

const revoked = () => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
};

/** What is an object of options for no function. */
const NO_OPTIONS: Wrong = {
  null: null,
  "a number": 5,
  text: "text",
  true: true,
  "a list": [],
  "a function": () => {},
  "a symbol": Symbol("s"),
  "a bigint": 10n,
  "a Map": new Map(),
  bytes: new Uint8Array(1),
  "a signal": new AbortController().signal,
  "a revoked proxy": revoked(),
  "an unknown option": { nonsense: 1 },
};

const NO_TEXT: Wrong = {
  null: null,
  "a number": 5,
  true: true,
  "a list": [],
  "an object": {},
  "a function": () => {},
};
const NO_NUMBER: Wrong = { null: null, text: "5", true: true, NaN: NaN, "a list": [], negative: -1 };
const NO_COUNT: Wrong = { ...NO_NUMBER, zero: 0, "a fraction": 1.5 };
const NO_BOOLEAN: Wrong = { null: null, zero: 0, "a number": 5, text: "true", "an object": {} };
const NO_FUNCTION: Wrong = { null: null, "a number": 5, text: "f", "an object": {} };
const NO_SIGNAL: Wrong = {
  null: null,
  "a number": 5,
  text: "s",
  "an object": {},
  "a controller": new AbortController(),
};
const NO_QOS: Wrong = { null: null, text: "1", three: 3, negative: -1, "a fraction": 1.5, true: true };
const NO_PAYLOAD: Wrong = {
  null: null,
  undefined: undefined,
  true: true,
  "an object": {},
  "a list": [1],
  "a function": () => {},
  "a date": new Date(0),
  "detached bytes": detached((buffer) => new Uint8Array(buffer)),
  "a detached view": detached((buffer) => new DataView(buffer)),
  "detached words": detached((buffer) => new Uint16Array(buffer)),
  "a detached buffer": detached((buffer) => buffer),
  "a proxy of bytes": new Proxy(new Uint8Array(2), {}),
  "a proxy of a buffer": new Proxy(new ArrayBuffer(2), {}),
  "half a surrogate pair": "\ud800",
};
const NO_TOPIC: Wrong = { ...NO_TEXT, undefined: undefined, empty: "", "a wildcard": "a/#" };
const NO_FILTER: Wrong = { ...NO_TEXT, undefined: undefined, empty: "", "a misplaced wildcard": "a#" };
const NO_TRANSPORT: Wrong = { "a number": 5, text: "tcp", "a function": tcp, "an object": {} };
const NO_BROKER: Wrong = { ...NO_TEXT, empty: "", "a port alone": "h:1", "port 0": "mqtt://h:0" };

function detached<View>(view: (buffer: ArrayBuffer) => View): View {
  const buffer = new ArrayBuffer(4);
  const made = view(buffer);
  structuredClone(buffer, { transfer: [buffer] });
  return made;
}

/** A function, and what each of its arguments, or of its options, must not be. */
interface Case {
  readonly name: string;
  readonly wrong: Wrong;
  readonly call: (value: Anything) => unknown;
}

/** The same wrong values for a number of options of one function. */
function each(
  call: (options: Anything) => unknown,
  name: string,
  options: Readonly<Record<string, Wrong>>,
): Case[] {
  return Object.entries(options).map(([option, wrong]) => ({
    name: `${name} with ${option}`,
    wrong,
    call: (value) => call({ [option]: value }),
  }));
}

/** What passes in silence, or fails of something else, with each wrong value. */
async function accepted(cases: readonly Case[]): Promise<string[]> {
  const found: string[] = [];
  for (const { name, wrong, call } of cases) {
    for (const [what, value] of Object.entries(wrong)) {
      let outcome: string;
      try {
        const result = await Promise.race([
          call(value),
          // Whoever waits has taken it.
          new Promise((resolve) => setTimeout(resolve, 50, WAITS)),
        ]);
        outcome = result === WAITS ? "waits" : "accepted";
      } catch (error) {
        if (error instanceof UsageError) continue;
        outcome = String(error);
      }
      found.push(`${name}: ${what}: ${outcome}`);
    }
  }
  return found;
}

const WAITS = Symbol("waits");

describe("wrong arguments", () => {
  it("Client.connect() takes no nonsense, and opens nothing", async () => {
    const { transport, dialled } = memory();
    const connect = (options: object) => Client.connect("h", { transport, reconnect: false, ...options });
    const within = (name: string, options: Readonly<Record<string, Wrong>>) =>
      each((given) => connect({ [name]: given }), `Client.connect() ${name}`, options);
    assertEquals(
      await accepted([
        { name: "brokers", wrong: NO_BROKER, call: (value) => Client.connect(value, { transport }) },
        {
          name: "one of brokers",
          wrong: NO_BROKER,
          call: (value) => Client.connect(["h", value], { transport }),
        },
        { name: "options", wrong: NO_OPTIONS, call: (value) => Client.connect("h", value) },
        { name: "one option", wrong: { "an unknown one": 1 }, call: (value) => connect({ nonsense: value }) },
        ...each(connect, "Client.connect()", {
          transport: { ...NO_TRANSPORT, null: null },
          session: NO_TEXT,
          clientId: NO_TEXT,
          credentials: { ...omit(NO_OPTIONS, "a function"), nothing: {} },
          will: NO_OPTIONS,
          keepAlive: { ...NO_NUMBER, "seconds": 60 },
          connectTimeout: { ...NO_NUMBER, zero: 0 },
          replyTimeout: { ...NO_NUMBER, zero: 0 },
          acknowledgeTimeout: { ...NO_NUMBER, zero: 0 },
          closeTimeout: NO_NUMBER,
          subscribing: NO_OPTIONS,
          reconnect: NO_OPTIONS,
          sending: NO_OPTIONS,
          receiving: NO_OPTIONS,
          signal: NO_SIGNAL,
          clock: NO_FUNCTION,
          random: NO_FUNCTION,
        }),
        {
          name: "what credentials() gives",
          wrong: {
            ...omit(NO_OPTIONS, "a revoked proxy"),
            undefined: undefined,
            nothing: {},
            "other names": { user: "u", pass: "p" },
          },
          call: (value) => connect({ credentials: () => value }),
        },
        ...within("reconnect", {
          delay: NO_NUMBER,
          attempts: NO_COUNT,
          initially: NO_BOOLEAN,
          final: NO_FUNCTION,
        }),
        ...within("sending", {
          messages: NO_COUNT,
          bytes: NO_COUNT,
          window: NO_COUNT,
          windowQoS2: NO_COUNT,
          whenFull: NO_TEXT,
          offline: NO_TEXT,
        }),
        ...within("receiving", {
          messages: NO_COUNT,
          bytes: NO_COUNT,
          maxPacketSize: NO_COUNT,
          tooLarge: NO_TEXT,
        }),
        ...within("subscribing", { filtersPerPacket: NO_COUNT }),
        ...each(
          (given) => connect({ will: { topic: "t", payload: "p", ...given } }),
          "Client.connect() will",
          {
            topic: NO_TOPIC,
            payload: NO_PAYLOAD,
            qos: NO_QOS,
            retain: NO_BOOLEAN,
          },
        ),
        ...each((given) => connect({ credentials: { username: "u", ...given } }), "credentials", {
          username: NO_TEXT,
          password: omit(NO_PAYLOAD, "undefined"),
          user: { "an unknown one": "u" },
        }),
      ]),
      [],
    );
    assertEquals(dialled, []);
  });

  it("a Client that is connected takes no nonsense, and sends nothing", async () => {
    const stage = await ofClient.online();
    const { client, broker } = stage;
    const publish = (options: object) => client.publish("t", "x", options);
    const subscribe = (options: object) => client.subscribe("t", options);
    assertEquals(
      await accepted([
        { name: "publish() topic", wrong: NO_TOPIC, call: (value) => client.publish(value, "x") },
        { name: "publish() payload", wrong: NO_PAYLOAD, call: (value) => client.publish("t", value) },
        { name: "publish() options", wrong: NO_OPTIONS, call: (value) => client.publish("t", "x", value) },
        ...each(publish, "publish()", {
          qos: NO_QOS,
          retain: NO_BOOLEAN,
          signal: NO_SIGNAL,
          retained: NO_BOOLEAN,
        }),
        ...each((given) => publish({ qos: 1, ...given }), "publish() qos 1", {
          retain: NO_BOOLEAN,
          signal: NO_SIGNAL,
          Retain: NO_BOOLEAN,
        }),
        {
          name: "publishMany()",
          wrong: omit(NO_OPTIONS, "a list", "a Map"),
          call: (value) => client.publishMany(value),
        },
        {
          name: "publishMany() one",
          wrong: omit(NO_OPTIONS, "a revoked proxy"),
          call: (value) => client.publishMany([value]),
        },
        { name: "publishMany() options", wrong: NO_OPTIONS, call: (value) => client.publishMany([], value) },
        ...each((given) => client.publishMany([{ topic: "t", payload: "x", ...given }]), "publishMany()", {
          topic: NO_TOPIC,
          payload: NO_PAYLOAD,
          qos: NO_QOS,
          retain: NO_BOOLEAN,
        }),
        { name: "subscribe() filters", wrong: NO_FILTER, call: (value) => client.subscribe(value) },
        { name: "subscribe() one filter", wrong: NO_FILTER, call: (value) => client.subscribe(["t", value]) },
        { name: "subscribe() options", wrong: NO_OPTIONS, call: (value) => client.subscribe("t", value) },
        ...each((given) => client.subscribe({ topic: "t", ...given }), "subscribe() filter", {
          topic: NO_FILTER,
          qos: NO_QOS,
          retain: NO_BOOLEAN,
        }),
        ...each(subscribe, "subscribe()", {
          qos: NO_QOS,
          acknowledge: NO_TEXT,
          signal: NO_SIGNAL,
          onMessage: NO_FUNCTION,
          onError: { ...NO_FUNCTION, "a function alone": () => {} },
        }),
        { name: "status() options", wrong: NO_OPTIONS, call: (value) => client.status(value) },
        { name: "batches() options", wrong: NO_OPTIONS, call: (value) => client.batches(value) },
        { name: "close() options", wrong: NO_OPTIONS, call: (value) => client.close(value) },
        ...each((given) => client.status(given), "status()", { signal: NO_SIGNAL }),
        ...each((given) => client.batches(given), "batches()", { signal: NO_SIGNAL }),
        ...each((given) => client.close(given), "close()", { signal: NO_SIGNAL, drop: NO_BOOLEAN }),
      ]),
      [],
    );
    const subscribing = client.subscribe("t");
    await broker.expect("8206000100017400");
    await broker.send("9003000100");
    const subscription = await subscribing;
    assertEquals(
      await accepted([
        {
          name: "unsubscribe() options",
          wrong: NO_OPTIONS,
          call: (value) => subscription.unsubscribe(value),
        },
        ...each((given) => subscription.unsubscribe(given), "unsubscribe()", { signal: NO_SIGNAL }),
      ]),
      [],
    );
    await client.publish("a", "b");
    await broker.expect("300400016162");
    await ofClient.end(stage);
  });

  it("new MQTT() and setSocket() take no nonsense", async () => {
    const { transport } = memory();
    const make = (options: object) => new MQTT({ broker: "h", transport, ...options } as Anything);
    assertEquals(
      await accepted([
        { name: "options", wrong: NO_OPTIONS, call: (value) => new MQTT(value) },
        { name: "one option", wrong: { "an unknown one": 1 }, call: (value) => make({ nonsense: value }) },
        { name: "setSocket()", wrong: { ...omit(NO_TRANSPORT, "a function"), null: null }, call: setSocket },
        ...each(make, "new MQTT()", {
          broker: omit(NO_BROKER, "port 0"),
          transport: NO_TRANSPORT,
          port: { ...omit(NO_NUMBER, "null"), "a fraction": 1.5, large: 65_536 },
          username: omit(NO_TEXT, "null"),
          password: { ...omit(NO_PAYLOAD, "null", "undefined"), alone: "p" },
          clientId: omit(NO_TEXT, "null"),
          isSsl: omit(NO_BOOLEAN, "null"),
          keepAlive: { ...omit(NO_NUMBER, "null"), "a fraction": 1.5 },
          recvTimeout: omit(NO_NUMBER, "null"),
          socketTimeout: omit(NO_NUMBER, "null"),
          connectRetries: omit(NO_COUNT, "null"),
          retryDelay: omit(NO_NUMBER, "null"),
          useBinaryMode: omit(NO_BOOLEAN, "null"),
          sessionId: omit(NO_TEXT, "null"),
          clock: omit(NO_FUNCTION, "null"),
          random: omit(NO_FUNCTION, "null"),
        }),
      ]),
      [],
    );
  });

  it("an MQTT takes no nonsense, and sends nothing", async () => {
    const offline = ofMqtt.stage().client;
    const { client, broker } = await ofMqtt.online();
    const publish = (options: object) => client.publish("t", "x", options);
    const call = { signal: NO_SIGNAL, timeout: NO_NUMBER };
    const noNames = omit(
      NO_OPTIONS,
      "null",
      "a number",
      "text",
      "true",
      "a function",
      "a symbol",
      "a bigint",
    );
    assertEquals(
      await accepted([
        { name: "connect() by name", wrong: noNames, call: (value) => offline.connect(value) },
        {
          name: "connect() cleanSession",
          wrong: omit(NO_BOOLEAN, "an object"),
          call: (value) => offline.connect(value),
        },
        ...each((given) => offline.connect(given), "connect()", {
          cleanSession: NO_BOOLEAN,
          host: omit(NO_BROKER, "null", "empty", "port 0"),
          port: { ...omit(NO_NUMBER, "null"), "a fraction": 1.5, large: 65_536 },
          keepAlive: { ...omit(NO_NUMBER, "null"), "a fraction": 1.5 },
          sessionId: omit(NO_TEXT, "null"),
          signal: NO_SIGNAL,
        }),
        {
          name: "willSet() topic",
          wrong: omit(NO_TOPIC, "an object"),
          call: (value) => offline.willSet(value, "x"),
        },
        { name: "willSet() by name", wrong: noNames, call: (value) => offline.willSet(value) },
        { name: "willSet() msg", wrong: NO_PAYLOAD, call: (value) => offline.willSet("t", value) },
        {
          name: "willSet() retain",
          wrong: { ...NO_BOOLEAN, "an object": { x: 1 } },
          call: (value) => offline.willSet("t", "x", value),
        },
        { name: "willSet() qos", wrong: NO_QOS, call: (value) => offline.willSet("t", "x", false, value) },
        ...each((given) => offline.willSet({ topic: "t", ...given }), "willSet()", {
          qos: NO_QOS,
          retain: NO_BOOLEAN,
        }),
        {
          name: "usernamePwSet() username",
          wrong: omit(NO_TEXT, "null"),
          call: (value) => offline.usernamePwSet(value),
        },
        {
          name: "usernamePwSet() password",
          wrong: omit(NO_PAYLOAD, "null", "undefined"),
          call: (value) => offline.usernamePwSet("u", value),
        },
        { name: "publish() topic", wrong: NO_TOPIC, call: (value) => client.publish(value, "x") },
        { name: "publish() msg", wrong: NO_PAYLOAD, call: (value) => client.publish("t", value) },
        {
          name: "publish() retain",
          wrong: { ...NO_BOOLEAN, "an object": { x: 1 } },
          call: (value) => client.publish("t", "x", value),
        },
        { name: "publish() qos", wrong: NO_QOS, call: (value) => client.publish("t", "x", false, value) },
        { name: "publish() by name", wrong: noNames, call: (value) => client.publish("t", "x", value) },
        ...each(publish, "publish()", { qos: NO_QOS, retain: NO_BOOLEAN, retained: NO_BOOLEAN, ...call }),
        { name: "subscribe() topic", wrong: NO_FILTER, call: (value) => client.subscribe(value) },
        { name: "subscribe() one", wrong: NO_FILTER, call: (value) => client.subscribe(["t", value]) },
        { name: "subscribe() qos", wrong: NO_QOS, call: (value) => client.subscribe("t", value) },
        { name: "subscribe() by name", wrong: noNames, call: (value) => client.subscribe("t", value) },
        ...each((given) => client.subscribe("t", given), "subscribe()", { qos: NO_QOS, ...call }),
        { name: "unsubscribe() topic", wrong: NO_FILTER, call: (value) => client.unsubscribe(value) },
        { name: "unsubscribe() options", wrong: NO_OPTIONS, call: (value) => client.unsubscribe("t", value) },
        ...each((given) => client.unsubscribe("t", given), "unsubscribe()", call),
        { name: "loop() timeout", wrong: NO_NUMBER, call: (value) => client.loop(value) },
        { name: "loop() options", wrong: NO_OPTIONS, call: (value) => client.loop(0, value) },
        ...each((given) => client.loop(0, given), "loop()", { signal: NO_SIGNAL }),
        { name: "ping() options", wrong: NO_OPTIONS, call: (value) => client.ping(value) },
        ...each((given) => client.ping(given), "ping()", call),
        { name: "reconnect() resubTopics", wrong: NO_BOOLEAN, call: (value) => client.reconnect(value) },
        { name: "reconnect() options", wrong: NO_OPTIONS, call: (value) => client.reconnect(true, value) },
        ...each((given) => client.reconnect(true, given), "reconnect()", { signal: NO_SIGNAL }),
        {
          name: "addTopicCallback() filter",
          wrong: NO_FILTER,
          call: (value) => client.addTopicCallback(value, () => {}),
        },
        {
          name: "addTopicCallback() callback",
          wrong: NO_FUNCTION,
          call: (value) => client.addTopicCallback("t", value),
        },
        {
          name: "removeTopicCallback()",
          wrong: { ...NO_FILTER, unknown: "t" },
          call: (value) => client.removeTopicCallback(value),
        },
        {
          name: "enableLogger()",
          wrong: { ...NO_FUNCTION, undefined: undefined },
          call: (value) => client.enableLogger(value),
        },
        {
          name: "enableLogger() level",
          wrong: omit(NO_NUMBER, "NaN", "negative"),
          call: (value) => client.enableLogger(console, value),
        },
        {
          name: "enableLogger() name",
          wrong: NO_TEXT,
          call: (value) => client.enableLogger(console, 20, value),
        },
        { name: "broker", wrong: omit(NO_BROKER, "port 0"), call: (value) => client.broker = value },
        { name: "port", wrong: omit(NO_NUMBER, "null"), call: (value) => client.port = value },
        { name: "keepAlive", wrong: NO_NUMBER, call: (value) => client.keepAlive = value },
        { name: "mqttMsg", wrong: NO_NUMBER, call: (value) => (client as Anything).mqttMsg = value },
      ]),
      [],
    );
    await client.publish("a", "b");
    await broker.expect("300400016162");
    await client.disconnect();
  });

  it("no transport takes nonsense, nor opens anything for it", async () => {
    using module = emulator();
    const control = new EspSpiControl(module.bus, module.pins);
    const transports: Readonly<Record<string, Transport>> = {
      tcp: tcp(),
      tls: tls(),
      ws: ws(),
      memory: memory().transport,
      esp32spi: esp32spi(control),
    };
    const factories: Readonly<
      Record<string, readonly [(options: Anything) => unknown, Readonly<Record<string, Wrong>>]>
    > = {
      tcp: [tcp, { noDelay: NO_BOOLEAN }],
      tls: [tls, {
        ca: { ...omit(NO_TEXT, "a list"), text: "none" },
        cert: { ...NO_TEXT, text: "none" },
        key: { ...NO_TEXT, text: "none" },
        passphrase: NO_TEXT,
        serverName: NO_TEXT,
        alpn: omit(NO_TEXT, "a list"),
        minVersion: { ...NO_TEXT, text: "1.2", "a symbol": Symbol("1"), "a bigint": 1n },
        unsafelyIgnoreCertificateErrors: NO_BOOLEAN,
        over: NO_TRANSPORT,
      }],
      ws: [ws, {
        path: { ...NO_TEXT, "no slash": "mqtt" },
        protocols: { ...omit(NO_TEXT, "a list"), text: "mqtt", "a list of numbers": [5] },
        headers: { ...omit(NO_TEXT, "an object"), text: "a: b", numbers: { a: 1 } },
        maxUnread: { ...NO_NUMBER, zero: 0 },
        maxMessageSize: { ...NO_NUMBER, zero: 0 },
        open: NO_FUNCTION,
      }],
      memory: [memory, { chunkSize: NO_COUNT, room: omit(NO_COUNT, "zero") }],
      memoryPair: [memoryPair, { chunkSize: NO_COUNT, room: omit(NO_COUNT, "zero") }],
      esp32spi: [(options) => esp32spi(control, options), {
        secure: NO_BOOLEAN,
        idle: { ...NO_NUMBER, zero: 0 },
        wifi: NO_FUNCTION,
      }],
    };
    assertEquals(
      await accepted([
        ...Object.entries(factories).flatMap(([name, [make, options]]) => [
          { name: `${name}() options`, wrong: NO_OPTIONS, call: make },
          ...each(make, `${name}()`, options),
        ]),
        {
          name: "esp32spi() control",
          wrong: omit(NO_OPTIONS, "a revoked proxy"),
          call: (value) => esp32spi(value),
        },
        ...Object.entries(transports).flatMap(([name, transport]) => [
          {
            name: `${name} connect() address`,
            wrong: NO_OPTIONS,
            call: (value: Anything) => transport.connect(value),
          },
          {
            name: `${name} connect() options`,
            wrong: NO_OPTIONS,
            call: (value: Anything) => transport.connect({ host: "127.0.0.1", port: 1 }, value),
          },
          ...each(
            (given) => transport.connect({ host: "127.0.0.1", port: 1, ...given }),
            `${name} connect()`,
            {
              host: { ...NO_TEXT, empty: "" },
              port: { ...NO_COUNT, large: 65_536 },
              secure: NO_BOOLEAN,
              path: NO_TEXT,
            },
          ),
          ...each((given) => transport.connect({ host: "127.0.0.1", port: 1 }, given), `${name} connect()`, {
            signal: NO_SIGNAL,
          }),
        ]),
      ]),
      [],
    );
  });

  it("a misspelt option is told by its nearest right name", async () => {
    const { transport } = memory();
    const stage = await ofClient.online();
    const said = async (call: () => unknown) => {
      try {
        await call();
      } catch (error) {
        return (error as Error).message;
      }
    };
    const texts = [
      await said(() => Client.connect("h", { transport, keepalive: 5 } as Anything)),
      await said(() => Client.connect("h", { transport, sending: { windowqos2: 5 } } as Anything)),
      await said(() => Client.connect("h", { transport, credentials: { user: "u", pass: "p" } } as Anything)),
      await said(() => stage.client.publish("t", "x", { retained: true } as Anything)),
      await said(() => stage.client.subscribe("t", { onmessage: () => {} } as Anything)),
      await said(() => new MQTT({ broker: "h", transport, client_id: "x" } as Anything)),
      await said(() => ws({ protocol: "mqtt" } as Anything)),
      await said(() => stage.client.subscribe("t", { zzz: 1 } as Anything)),
    ];
    assertEquals(texts, [
      "there is no option keepalive: is keepAlive meant?",
      "there is no option sending.windowqos2: is sending.windowQoS2 meant?",
      "there is no option credentials.user: is credentials.username meant?",
      "there is no option retained: is retain meant?",
      "there is no option onmessage: is onMessage meant?",
      "there is no option client_id: is clientId meant?",
      "there is no option protocol: is protocols meant?",
      "there is no option zzz",
    ]);
    await ofClient.end(stage);
  });
});

function omit(wrong: Wrong, ...names: string[]): Wrong {
  return Object.fromEntries(Object.entries(wrong).filter(([name]) => !names.includes(name)));
}

function emulator(): EspEmulator & Disposable {
  const module = new EspEmulator();
  return Object.assign(module, { [Symbol.dispose]: () => module.close() });
}
