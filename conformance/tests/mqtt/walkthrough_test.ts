import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { MMQTTException, MQTT, type MQTTOptions, setSocket } from "@minimqtt/client";
import { memory } from "@minimqtt/client/memory";
import { FakeClock } from "../../src/player/fake_clock.ts";
import { ScriptedBroker } from "../../src/peers/scripted_broker.ts";
import { rejectsWith } from "../assertions.ts";
import type { Stage } from "./stage.ts";

const TOPIC = "test/topic";
const CONNECT = "101c00044d51545404c2003c000477616c6b000475736572000470617373";
const SUBSCRIBE = "820f0001000a746573742f746f70696300";
const PUBLISH = "3019000a746573742f746f70696348656c6c6f2042726f6b657221";
const PUBLISH_1 = "321b000a746573742f746f706963000248656c6c6f2042726f6b657221";

/** The page's client: five callbacks that print, and what they printed. */
function walk(options: Partial<MQTTOptions<unknown, false>> = {}): Stage & { readonly printed: string[] } {
  const clock = new FakeClock();
  const network = memory();
  const broker = new ScriptedBroker(() => network.accept());
  // As the page does it: no transport in the constructor.
  setSocket((iface: string) => iface === "esp" ? network.transport : memory().transport, "esp");
  const client = new MQTT({
    broker: "io.adafruit.com",
    clientId: "walk",
    username: "user",
    password: "pass",
    clock,
    ...options,
  });
  const printed: string[] = [];
  const print = (text: string) => printed.push(text);
  client.onConnect = (own, userdata, flags, rc) => {
    assertStrictEquals(own, client);
    print("Connected to MQTT Broker!");
    print(`Flags: ${flags}\n RC: ${rc}`);
    assertEquals(userdata, undefined);
  };
  client.onDisconnect = (_client, _userdata, rc) => {
    assertEquals(rc, 0);
    print("Disconnected from MQTT Broker!");
  };
  client.onSubscribe = (_client, _userdata, topic, granted) =>
    print(`Subscribed to ${topic} with QOS level ${granted}`);
  client.onUnsubscribe = (_client, _userdata, topic, pid) =>
    print(`Unsubscribed from ${topic} with PID ${pid}`);
  client.onPublish = (_client, _userdata, topic, pid) => print(`Published to ${topic} with PID ${pid}`);
  return { client, broker, clock, network, printed };
}

/** The page's program, line by line. */
async function program(client: MQTT, printed: string[], qos: 0 | 1 = 0): Promise<void> {
  const print = (text: string) => printed.push(text);
  print(`Attempting to connect to ${client.broker}`);
  await client.connect();
  print(`Subscribing to ${TOPIC}`);
  await client.subscribe(TOPIC);
  print(`Publishing to ${TOPIC}`);
  await client.publish(TOPIC, "Hello Broker!", false, qos);
  print(`Unsubscribing from ${TOPIC}`);
  await client.unsubscribe(TOPIC);
  print(`Disconnecting from ${client.broker}`);
  await client.disconnect();
}

/** What the page prints; `pids` of publish and unsubscribe, `message` if one is shown. */
function expected(pids: readonly [number, number], ...message: string[]): string[] {
  return [
    "Attempting to connect to io.adafruit.com",
    "Connected to MQTT Broker!",
    "Flags: 0\n RC: 0",
    "Subscribing to test/topic",
    "Subscribed to test/topic with QOS level 0",
    "Publishing to test/topic",
    `Published to test/topic with PID ${pids[0]}`,
    "Unsubscribing from test/topic",
    ...message,
    `Unsubscribed from test/topic with PID ${pids[1]}`,
    "Disconnecting from io.adafruit.com",
    "Disconnected from MQTT Broker!",
  ];
}

describe("the walkthrough page (section 4)", () => {
  for (const shown of [false, true]) {
    const variant = shown
      ? "d: onMessage set, the echo is shown"
      : "a: onMessage unset, the echo is handled silently";
    it(`connect(), subscribe(), publish(), unsubscribe(), disconnect(), variant ${variant} (MM-084) (MM-196)`, async () => {
      const { client, broker, clock, printed } = walk();
      if (shown) {
        client.onMessage = (_client, topic, text) => printed.push(`New message on topic ${topic}: ${text}`);
      }
      const running = clock.run(program(client, printed));
      await broker.accept();
      await broker.expect(CONNECT);
      await broker.send("20020000");
      await broker.expect(SUBSCRIBE);
      await broker.send("9003000100");
      await broker.expect(PUBLISH);
      await broker.send(PUBLISH);
      await broker.expect("a20e0002000a746573742f746f706963");
      await broker.send("b0020002");
      await broker.expect("e000");
      await broker.expectEnd();
      await running;
      const message = shown ? ["New message on topic test/topic: Hello Broker!"] : [];
      assertEquals(printed, expected([1, 2], ...message));
      assertEquals([client.isConnected(), clock.now(), clock.armed], [false, 0, 0]);
    });
  }

  it("publish() with QoS 1 in variant e has PID 2, unsubscribe() PID 3 (MM-085)", async () => {
    const { client, broker, clock, printed } = walk();
    client.onMessage = (_client, topic, text) => printed.push(`New message on topic ${topic}: ${text}`);
    const running = clock.run(program(client, printed, 1));
    await broker.accept();
    await broker.expect(CONNECT);
    await broker.send("20020000");
    await broker.expect(SUBSCRIBE);
    await broker.send("9003000100");
    await broker.expect(PUBLISH_1);
    await broker.send("40020002");
    await broker.expect("a20e0003000a746573742f746f706963");
    await broker.send(PUBLISH + "b0020003");
    await broker.expect("e000");
    await broker.expectEnd();
    await running;
    assertEquals(printed, expected([2, 3], "New message on topic test/topic: Hello Broker!"));
  });

  it("connect() with a wrong password in variant f rejects at once with code 5, and no callback runs (MM-034)", async () => {
    const { client, broker, clock, printed } = walk({ password: "bad" });
    const running = rejectsWith(
      clock.run(program(client, printed)),
      MMQTTException,
      "Connection Refused - Unauthorized",
    );
    await broker.accept();
    await broker.expect("101b00044d51545404c2003c000477616c6b0004757365720003626164");
    await broker.send("20020005");
    assertEquals((await running).code, 5);
    await broker.expectEnd();
    assertEquals(printed, ["Attempting to connect to io.adafruit.com"]);
    assertEquals([clock.now(), clock.armed], [0, 0]);
  });

  it("setSocket() takes a transport, or a function with what it takes, for clients made afterwards (MM-196)", async () => {
    const [first, second] = [memory(), memory()];
    setSocket(first.transport);
    const one = new MQTT({ broker: "b" });
    const asked: unknown[] = [];
    setSocket((esp: { name: string }) => {
      asked.push(esp);
      return second.transport;
    }, { name: "esp" });
    const two = new MQTT({ broker: "b" });
    const own = new MQTT({ broker: "b", transport: first.transport });
    for (const [client, network] of [[one, first], [two, second], [own, first]] as const) {
      const connecting = client.connect();
      const broker = new ScriptedBroker(() => network.accept());
      await broker.welcome();
      await connecting;
      assert(client.isConnected());
      await client.disconnect();
    }
    assertEquals(asked, [{ name: "esp" }]);
    assertEquals([first.dialled.length, second.dialled.length], [2, 1]);
  });
});
