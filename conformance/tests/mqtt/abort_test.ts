import { assert, assertEquals, assertFalse, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, MMQTTStateError } from "@minimqtt/client";
import { settled } from "../../src/player/fake_clock.ts";
import { rejectsWith } from "../assertions.ts";
import { dialling, type DiallingStage } from "./dialling.ts";
import { online } from "./stage.ts";

const REFUSED = new ConnectionError("dial-failed", "refused");

/** How far `connect` is when it is given up, and how it gets there. */
const MOMENTS: Record<
  string,
  { scene: () => DiallingStage; until: (scene: DiallingStage) => Promise<void> }
> = {
  "at once, before anything has happened": {
    scene: () => dialling(),
    until: () => Promise.resolve(),
  },
  "while it dials": {
    scene: () => dialling({}, () => "hang"),
    until: () => settled(),
  },
  "just when it has dialled": {
    scene: () => dialling(),
    until: ({ network }) => network.accept().then(() => {}),
  },
  "while it waits for CONNACK": {
    scene: () => dialling(),
    until: ({ broker }) => broker.accept().then(() => broker.packet()).then(() => settled()),
  },
  "in the middle of CONNACK": {
    scene: () => dialling(),
    until: ({ broker }) => broker.welcome("2002").then(() => settled()),
  },
  "while it waits for its next attempt": {
    scene: () => dialling({}, () => REFUSED),
    until: () => settled(),
  },
  "at its third attempt": {
    scene: () => dialling({}, (attempt) => attempt < 3 ? REFUSED : "hang"),
    until: ({ clock }) => clock.advance(6500),
  },
};

/** A signal that counts its listeners, and what aborts it. */
function counted(): { signal: AbortSignal; abort: (reason?: unknown) => void; listeners: () => number } {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new Set<unknown>();
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...args: Parameters<AbortSignal["addEventListener"]>) => {
    listeners.add(args[1]);
    addEventListener.apply(signal, args);
  };
  signal.removeEventListener = (...args: Parameters<AbortSignal["removeEventListener"]>) => {
    listeners.delete(args[1]);
    removeEventListener.apply(signal, args);
  };
  return { signal, abort: (reason) => controller.abort(reason), listeners: () => listeners.size };
}

/** Nothing is left of an attempt that was given up, and the next one works. */
async function assertNothingLeft(scene: DiallingStage): Promise<void> {
  const { client, clock, open, addresses } = scene;
  await settled();
  assertEquals([open(), clock.armed, client.isConnected()], [0, 0, false]);
  const attempts = addresses.length;
  await clock.advance(3_600_000);
  assertEquals(addresses.length, attempts);
}

describe("connect(): given up by its signal", () => {
  it("connect() rejects with the reason of a signal aborted before, and touches nothing (MM-049)", async () => {
    for (const reason of [new Error("mine"), "a string", { any: 1 }]) {
      const scene = dialling();
      const connecting = scene.client.connect({
        signal: AbortSignal.abort(reason),
        host: "other.test",
        port: 5,
      });
      assertStrictEquals(await connecting.catch((error) => error), reason);
      assertEquals([scene.client.broker, scene.client.port], ["broker.test", 1883]);
      assertEquals(scene.addresses, []);
      await assertNothingLeft(scene);
    }
  });

  for (const [moment, { scene: set, until }] of Object.entries(MOMENTS)) {
    it(`connect() rejects with the signal's reason, and leaves nothing, aborted ${moment} (MM-049)`, async () => {
      const scene = set();
      const { signal, abort, listeners } = counted();
      const connecting = scene.client.connect({ signal }).then(() => "connected", (error) => error);
      await until(scene);
      const reason = new Error("mine");
      abort(reason);
      assertStrictEquals(await scene.clock.run(connecting), reason);
      assertEquals(listeners(), 0);
      await assertNothingLeft(scene);
    });
  }

  it("connect() takes no notice of its signal any more once it is online (MM-049)", async () => {
    const { client, broker, clock } = dialling();
    const { signal, abort, listeners } = counted();
    client.onConnect = () => abort(new Error("too late"));
    const connecting = clock.run(client.connect({ signal }));
    await broker.welcome();
    assertEquals(await connecting, 0);
    assert(client.isConnected());
    assertEquals(listeners(), 0);
  });

  it("connect() works again on the same object after it was given up (MM-049)", async () => {
    const { client, broker, clock } = dialling();
    const { signal, abort } = counted();
    const first = client.connect({ signal }).catch((error) => error);
    await broker.accept();
    abort("enough");
    assertEquals(await clock.run(first), "enough");
    await Promise.all([clock.run(client.connect()), broker.welcome()]);
    assert(client.isConnected());
  });

  it("reconnect() and subscribe() and publish() and loop() reject with their signal's reason (MM-049)", async () => {
    const calls = [
      ({ client }: DiallingStage, signal: AbortSignal) => client.publish("t", "x", { qos: 1, signal }),
      ({ client }: DiallingStage, signal: AbortSignal) => client.subscribe("t", { qos: 1, signal }),
      ({ client }: DiallingStage, signal: AbortSignal) => client.loop(5, { signal }),
      ({ client }: DiallingStage, signal: AbortSignal) => client.ping({ signal }),
      ({ client }: DiallingStage, signal: AbortSignal) => client.reconnect(true, { signal }),
    ];
    for (const call of calls) {
      const scene = dialling();
      await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
      const { signal, abort, listeners } = counted();
      const reason = new Error("mine");
      const calling = call(scene, signal).then(() => "done", (error) => error);
      await settled();
      abort(reason);
      assertStrictEquals(await scene.clock.run(calling), reason);
      assertEquals([listeners(), scene.clock.armed], [0, 0]);
      assertStrictEquals(await call(scene, signal).then(() => "done", (error) => error), reason);
    }
  });

  it("reconnect() whose signal was aborted before leaves the connection as it is (MM-049)", async () => {
    const { client, broker, clock } = await online();
    const signal = AbortSignal.abort("no");
    assertEquals(await client.reconnect(true, { signal }).catch((error) => error), "no");
    assert(client.isConnected());
    await clock.run(client.disconnect());
    await broker.expect("e000");
  });

  it("publish() whose signal was aborted before sends nothing (MM-049)", async () => {
    const { client, broker, clock } = await online();
    const signal = AbortSignal.abort("no");
    for (const qos of [0, 1, 2] as const) {
      assertEquals(await client.publish("t", "x", { qos, signal }).catch((error) => error), "no");
    }
    await clock.run(client.disconnect());
    await broker.expect("e000");
  });
});

describe("connect(): given up by deinit()", () => {
  for (const [moment, { scene: set, until }] of Object.entries(MOMENTS)) {
    it(`connect() rejects and leaves nothing when deinit() is called ${moment} (MM-184)`, async () => {
      const scene = set();
      const text = "MiniMQTT was de-initialized while it was connecting";
      const connecting = rejectsWith(scene.client.connect(), MMQTTStateError, text);
      await until(scene);
      await scene.clock.run(scene.client.deinit());
      await scene.clock.run(connecting);
      await assertNothingLeft(scene);
    });
  }

  it("deinit() does nothing to a client that is not connected, as often as it is called (MM-184)", async () => {
    const scene = dialling();
    await scene.client.deinit();
    await scene.client.deinit();
    await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
    await scene.clock.run(scene.client.deinit());
    await scene.client.deinit();
    await assertNothingLeft(scene);
  });

  it("reconnect() opens nothing when deinit() is called while it disconnects (MM-184)", async () => {
    const scene = dialling();
    await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
    const ends: number[] = [];
    scene.client.onDisconnect = (_client, _userData, rc) => ends.push(rc);
    const reconnecting = rejectsWith(scene.client.reconnect(), MMQTTStateError, /de-initialized/);
    await scene.client.deinit();
    await scene.clock.run(reconnecting);
    assertEquals([scene.addresses.length, ends], [1, [0]]);
    await assertNothingLeft(scene);
  });

  it("connect() opens nothing when deinit() is called while it tells of a lost connection (MM-184)", async () => {
    const scene = dialling();
    await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
    // A loop that nothing ends leaves a read behind, which notices the end while nobody waits.
    await scene.clock.run(scene.client.loop(1));
    await scene.broker.close();
    await settled();
    const connecting = rejectsWith(scene.client.connect(), MMQTTStateError, /de-initialized/);
    await scene.client.deinit();
    await scene.clock.run(connecting);
    assertEquals(scene.addresses.length, 1);
    await assertNothingLeft(scene);
  });

  it("reconnect() rejects when deinit() is called while it connects again (MM-184)", async () => {
    const scene = dialling({}, (attempt) => attempt === 1 ? undefined : "hang");
    await Promise.all([scene.clock.run(scene.client.connect()), scene.broker.welcome()]);
    const reconnecting = scene.client.reconnect().then(() => "connected", (error) => error);
    await settled();
    await scene.client.deinit();
    const error = await scene.clock.run(reconnecting);
    assert(error instanceof MMQTTException);
    assertFalse(scene.client.isConnected());
    await assertNothingLeft(scene);
  });
});
