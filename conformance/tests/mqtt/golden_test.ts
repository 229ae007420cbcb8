/**
 * The reference's recorded conversations (golden/minimqtt.json), replayed: each call of the table below must put the
 * recorded bytes on the wire and give the recorded result. Where a vector has a note, what the reference does is a
 * fault, and the table says what we do.
 */
import { assertEquals, assertNotEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MQTT, type MQTTOptions, UsageError } from "@minimqtt/client";
import vectors from "../../golden/minimqtt.json" with { type: "json" };
import { type Stage, stage } from "./stage.ts";

interface Vector {
  readonly name: string;
  readonly call: string;
  readonly sent: string;
  readonly received: string;
  readonly returns?: number | number[];
  readonly raises?: string;
  readonly prints?: string[];
  readonly note?: string;
}

type Options = Partial<MQTTOptions<unknown, false>>;

/** One vector in our words. */
interface Step {
  /** The call. */
  readonly act: (client: MQTT) => unknown;
  /** `connect`: a connection is opened for it. `arrives`: what the broker sends comes before what we send. */
  readonly way?: "connect" | "arrives";
  /** What we send and get in the recorded bytes' place, by turns; only for vectors with a note. */
  readonly ours?: readonly string[];
  /** What the call gives in the recorded result's place; only for vectors with a note. */
  readonly returns?: unknown;
  /** The text that the call rejects with, and sends nothing; only for vectors with a note. */
  readonly refuses?: string;
}

/** Vectors that are one client's life, in order, and how the client is made. */
interface Life {
  readonly options?: Options;
  readonly before?: (client: MQTT) => void;
  readonly steps: Readonly<Record<string, Step>>;
}

const connect = (...args: Parameters<MQTT["connect"]>): Step => ({
  act: (client) => client.connect(...args),
  way: "connect",
});
const publish = (...args: Parameters<MQTT["publish"]>): Step => ({
  act: (client) => client.publish(...args),
});
const loop: Step = { act: (client) => client.loop(1), way: "arrives" };
const disconnect: Step = { act: (client) => client.disconnect() };
const credentials = { username: "user", password: "pass" };

const LIVES: readonly Life[] = [
  { steps: { "connect-defaults": connect(), "disconnect": disconnect } },
  { steps: { "connect-not-clean": connect(false) } },
  {
    steps: { "connect-not-clean-again-session-present": { ...connect({ cleanSession: false }), returns: 1 } },
  },
  { steps: { "connect-clean-after-session": connect(true) } },
  { options: { keepAlive: 0 }, steps: { "connect-keepalive-0": connect() } },
  { steps: { "connect-keepalive-300-override": connect({ keepAlive: 300 }) } },
  { options: { keepAlive: 65_534 }, steps: { "connect-keepalive-65534": connect() } },
  {
    before: (client) => client.willSet("will/t", "gone"),
    steps: { "connect-will-qos0": connect() },
  },
  {
    before: (client) => client.willSet("will/t", "gone", true, 1),
    steps: {
      "connect-will-qos1-retain": connect(),
      "subscribe-after-will-qos1": {
        act: (client) => client.subscribe("a/b"),
        ours: ["820800010003612f6200", "9003000100"],
      },
    },
  },
  {
    before: (client) => client.willSet("will/t", 42, { qos: 2 }),
    steps: { "connect-will-qos2-int": connect() },
  },
  {
    before: (client) => client.willSet("will/t", new Uint8Array(0)),
    steps: { "connect-will-bytes-empty": connect() },
  },
  {
    before: (client) => client.willSet("will/t", Uint8Array.of(0, 255)),
    steps: { "connect-will-bytes-binary": connect() },
  },
  { options: credentials, steps: { "connect-username-password": connect() } },
  { options: { username: "", password: "" }, steps: { "connect-empty-username-password": connect() } },
  {
    steps: {
      "connect-password-only": {
        act: () =>
          new MQTT({ broker: "broker.test", transport: stage().network.transport, password: "pass" }),
        refuses: "Password requires a username",
      },
    },
  },
  {
    options: { username: "user" },
    steps: {
      "connect-username-only": {
        ...connect(),
        ours: ["101800044d5154540482003c0006676f6c64656e000475736572", "20020000"],
        returns: 0,
      },
    },
  },
  {
    before: (client) => client.usernamePwSet("user", "pass"),
    steps: { "connect-username-pw-set": connect() },
  },
  {
    options: credentials,
    before: (client) => client.willSet("will/t", "gone", true, 1),
    steps: { "connect-all": connect() },
  },
  { options: { clientId: "dev-é" }, steps: { "connect-client-id-utf8": connect() } },
  { options: { clientId: "c".repeat(120) }, steps: { "connect-long-client-id": connect() } },
  {
    steps: {
      "connect-2": connect(),
      "subscribe-string": { act: (client) => client.subscribe("foo/bar") },
      "subscribe-string-qos1": { act: (client) => client.subscribe("foo/bar", 1) },
      "subscribe-tuple": { act: (client) => client.subscribe(["foo/baz", 1]) },
      "subscribe-list": { act: (client) => client.subscribe([["a/b", 0], ["c/+", 1], ["d/#", 2]]) },
      "unsubscribe-string": { act: (client) => client.unsubscribe("foo/baz") },
      "unsubscribe-list": { act: (client) => client.unsubscribe(["a/b", "c/+", "d/#"]) },
      "ping": { act: (client) => client.ping() },
    },
  },
  {
    steps: {
      "connect-3": connect(),
      "publish-qos0-str": publish("t", "hello"),
      "publish-qos0-str-utf8": publish("té", "héllo"),
      "publish-qos0-int": publish("t", 42),
      "publish-qos0-negint": publish("t", -7),
      "publish-qos0-bigint": publish("t", 12345678901234567890n),
      "publish-qos0-float": publish("t", 1.5),
      "publish-qos0-float-integral": { ...publish("t", 1.0), ours: ["300400017431"] },
      "publish-qos0-float-small": publish("t", 1e-7),
      "publish-qos0-float-large": publish("t", 1e16),
      "publish-qos0-float-nan": { ...publish("t", NaN), refuses: "a message can not be NaN" },
      "publish-qos0-float-inf": { ...publish("t", Infinity), refuses: "a message can not be Infinity" },
      "publish-qos0-bool": {
        ...publish("t", true as unknown as string),
        refuses: "Invalid message data type.",
      },
      "publish-qos0-bytes": publish("t", Uint8Array.of(0, 1, 255)),
      "publish-qos0-empty": publish("t", ""),
      "publish-qos0-retain": publish("t", "r", true),
      "publish-qos0-retain-clear": publish("t", "", { retain: true }),
      "publish-qos1-str": publish("t", "hello", { qos: 1 }),
      "publish-qos1-int": publish("t", 42, false, 1),
      "publish-qos1-float": publish("t", 1.5, false, 1),
      "publish-qos1-bytes-retain": publish("t", Uint8Array.of(0, 255), true, 1),
      "publish-qos0-rl2": publish("t", "x".repeat(125)),
      "publish-qos0-rl1max": publish("t", "x".repeat(124)),
      "publish-qos0-rl3": publish("t", "x".repeat(16_381)),
      "publish-retain-clear-2": publish("t", new Uint8Array(0), true),
    },
  },
  {
    steps: {
      "connect-4": connect(),
      "publish-qos2": {
        ...publish("t", "hello", false, 2),
        ours: ["340a000174000168656c6c6f", "50020001", "62020001", "70020001"],
      },
      "loop-after-publish-qos2": { ...loop, returns: null },
    },
  },
  {
    steps: {
      "connect-5": connect(),
      "subscribe-rx": { act: (client) => client.subscribe([["rx/0", 0], ["rx/1", 1]]) },
      "receive-qos0": loop,
      "receive-qos1": loop,
      "receive-empty": loop,
      "reconnect-resubscribe": {
        act: (client) => client.reconnect(),
        ours: [
          "e000",
          "",
          "101200044d5154540402003c0006676f6c64656e",
          "20020000",
          "82100002000472782f3000000472782f3101",
          "900400020001",
        ],
      },
    },
  },
  {
    options: { clientId: "golden6" },
    steps: {
      "connect-6": connect(),
      "subscribe-rx2": { act: (client) => client.subscribe("rx/2", 2) },
      "receive-qos2": {
        ...loop,
        ours: ["50020001", "62020001", "70020001"],
        returns: [0x30, 0x60],
      },
    },
  },
  {
    options: { username: "user", password: "bad", connectRetries: 3 },
    steps: { "connect-bad-password": connect() },
  },
  { steps: { "connect-anonymous-refused": connect() } },
  {
    options: { clientId: "walk", ...credentials },
    steps: {
      "walkthrough-connect": connect(),
      "walkthrough-subscribe": { act: (client) => client.subscribe("test/topic") },
      "walkthrough-publish": publish("test/topic", "Hello Broker!"),
      "walkthrough-unsubscribe": { act: (client) => client.unsubscribe("test/topic") },
      "walkthrough-disconnect": disconnect,
    },
  },
];

const RECORDED = new Map((vectors as Vector[]).map((vector) => [vector.name, vector]));

/** The callbacks of the walkthrough, which print. */
function printing(client: MQTT): string[] {
  const lines: string[] = [];
  client.onConnect = (_client, _userData, flags, rc) =>
    lines.push("Connected to MQTT Broker!", `Flags: ${flags}\n RC: ${rc}`);
  client.onDisconnect = () => lines.push("Disconnected from MQTT Broker!");
  client.onSubscribe = (_client, _userData, topic, qos) =>
    lines.push(`Subscribed to ${topic} with QOS level ${qos}`);
  client.onUnsubscribe = (_client, _userData, topic, pid) =>
    lines.push(`Unsubscribed from ${topic} with PID ${pid}`);
  client.onPublish = (_client, _userData, topic, pid) => lines.push(`Published to ${topic} with PID ${pid}`);
  return lines;
}

/** The broker's side: what it expects and what it sends, by turns. */
async function converse({ broker }: Stage, turns: readonly string[], expects: boolean): Promise<void> {
  for (const hex of turns) {
    if (expects && hex.startsWith("10")) await broker.accept();
    if (hex !== "") await (expects ? broker.expect(hex) : broker.send(hex));
    expects = !expects;
  }
}

async function replay(scene: Stage, vector: Vector, step: Step, lines: string[]): Promise<void> {
  const { client, clock } = scene;
  const { sent, received, note } = vector;
  const arrives = step.way === "arrives";
  const deviates = step.ours !== undefined || step.returns !== undefined || step.refuses !== undefined;
  assertEquals(deviates, note !== undefined, "what has a note differs, and nothing else does");
  if (step.ours !== undefined) assertNotEquals(step.ours.join(), [sent, received].join());

  let turns = step.ours ?? (arrives ? [sent] : [sent, received]);
  if (arrives) turns = [received, ...turns];
  if (step.refuses !== undefined) turns = [];
  lines.length = 0;
  const acting = clock.run((async () => await step.act(client))()).then(
    (value) => ({ value, error: undefined }),
    (error) => ({ value: undefined, error }),
  );
  const [{ value, error }] = await Promise.all([acting, converse(scene, turns, !arrives)]);

  if (step.refuses !== undefined) {
    assertEquals([error?.constructor, error?.message], [UsageError, step.refuses]);
  } else if (vector.raises !== undefined && !deviates) {
    const [, text, code] = /^MMQTTException: \('(.*)', (\d+)\)$/.exec(vector.raises)!;
    assertEquals([error?.constructor, error?.message, error?.code], [MMQTTException, text, Number(code)]);
  } else {
    assertEquals(error, undefined);
    if (step.returns !== undefined) assertEquals(value, step.returns);
    else if (vector.returns !== undefined) assertEquals(value, vector.returns);
  }
  if (vector.prints !== undefined) assertEquals(lines, vector.prints);
}

describe("golden vectors", () => {
  it("the table below has every vector once, in the order of its recording", () => {
    const names = LIVES.flatMap(({ steps }) => Object.keys(steps));
    assertEquals(names, (vectors as Vector[]).map(({ name }) => name));
    assertEquals(names.length, 74);
  });

  for (const { options, before, steps } of LIVES) {
    it(`${Object.keys(steps).join(", ")}: the same bytes, the same results`, async () => {
      const scene = stage(options);
      before?.(scene.client);
      const lines = printing(scene.client);
      for (const [name, step] of Object.entries(steps)) {
        try {
          await replay(scene, RECORDED.get(name)!, step, lines);
        } catch (cause) {
          throw new Error(`${name}: ${(cause as Error).message}`, { cause });
        }
      }
      // Nothing was sent that is not in the vectors.
      if (!scene.client.isConnected()) return;
      await scene.clock.run(scene.client.disconnect());
      await scene.broker.expect("e000");
      await scene.broker.expectEnd();
    });
  }
});
