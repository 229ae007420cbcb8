import { ConnectionError } from "@minimqtt/core";
import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { memory, memoryPair } from "./memory.ts";
import type { MemoryAnswer } from "./memory.ts";

const address = { host: "broker", port: 1883 };

describe("memory", () => {
  it("memory offers a plain scheme and a secure one", () => {
    const { name, schemes } = memory().transport;
    assertEquals(name, "memory");
    assertEquals(schemes.map((scheme) => [scheme.name, scheme.port, scheme.secure]), [
      ["mqtt", 1883, false],
      ["mqtts", 8883, true],
    ]);
  });

  it("accept gives connections in the order in which they were opened, before and after it is called", async () => {
    const { transport, accept } = memory();
    const early = await transport.connect(address);
    const first = await accept();
    const accepting = [accept(), accept()];
    await early.write(new Uint8Array([1]));
    await (await transport.connect(address)).write(new Uint8Array([2]));
    await (await transport.connect(address)).write(new Uint8Array([3]));
    for (const [index, peer] of [first, ...await Promise.all(accepting)].entries()) {
      assertEquals(await peer.read(), new Uint8Array([index + 1]));
    }
  });

  it("dialled lists every attempt, whatever became of it", async () => {
    const network = memory();
    const secure = { host: "other", port: 8883, secure: true };
    await network.transport.connect(address);
    network.answer = "refuse";
    await network.transport.connect(secure).catch(() => undefined);
    assertEquals(network.dialled, [address, secure]);
  });

  it("answer decides what becomes of an attempt", async () => {
    const network = memory();
    const answers: [MemoryAnswer, string][] = [["refuse", "dial-failed"], ["unknown", "name-not-found"]];
    for (const [answer, code] of answers) {
      network.answer = answer;
      const error = await assertRejects(() => network.transport.connect(address), ConnectionError);
      assertEquals(error.code, code);
    }
    network.answer = "accept";
    await network.transport.connect(address);
  });

  it("answer silence leaves an attempt pending until it is aborted", async () => {
    const network = memory();
    network.answer = "silence";
    const controller = new AbortController();
    const attempt = network.transport.connect(address, { signal: controller.signal });
    let settled = false;
    attempt.catch(() => settled = true);
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(settled, false);
    const reason = new Error("enough");
    controller.abort(reason);
    assertStrictEquals(await attempt.catch((error) => error), reason);
  });

  it("chunkSize is the most that one read gives", async () => {
    const [near, far] = memoryPair({ chunkSize: 2 });
    await near.write(new Uint8Array([1, 2, 3]));
    await near.write(new Uint8Array([4]));
    const chunks = [await far.read(), await far.read(), await far.read()];
    assertEquals(chunks, [new Uint8Array([1, 2]), new Uint8Array([3]), new Uint8Array([4])]);
  });

  it("room is what write takes before somebody reads", async () => {
    const [near, far] = memoryPair({ room: 3 });
    await near.write(new Uint8Array(3));
    let written = false;
    const writing = near.write(new Uint8Array(2)).then(() => written = true);
    await Promise.resolve();
    assert(!written);
    await far.read();
    await writing;
  });
});

describe("MemoryConnection", () => {
  it("end lets the peer read the rest, and the other direction go on", async () => {
    const [near, far] = memoryPair();
    await near.write(new Uint8Array([1]));
    await near.end();
    assertEquals(await far.read(), new Uint8Array([1]));
    assertEquals(await far.read(), null);
    await far.write(new Uint8Array([2]));
    assertEquals(await near.read(), new Uint8Array([2]));
    const error = await assertRejects(() => near.write(new Uint8Array(1)), ConnectionError);
    assertEquals(error.code, "write-failed");
  });

  it("reset gives its cause to all that the peer waits for, and closes this end", async () => {
    const [near, far] = memoryPair({ room: 0 });
    const cause = new Error("the cable was cut");
    const reading = far.read();
    const writing = far.write(new Uint8Array(1));
    const outcomes = Promise.allSettled([reading, writing]);
    near.reset(cause);
    const codes: string[] = [];
    for (const outcome of await outcomes) {
      assert(outcome.status === "rejected");
      assertStrictEquals(outcome.reason.cause, cause);
      codes.push(outcome.reason.code);
    }
    assertEquals(codes, ["read-failed", "write-failed"]);
    assertEquals(await near.read(), null);
    const error = await assertRejects(() => near.write(new Uint8Array(1)), ConnectionError);
    assertEquals(error.code, "closed");
  });

  it("reset in the middle of a stream comes after the bytes before it", async () => {
    const [near, far] = memoryPair();
    await near.write(new Uint8Array([1, 2, 3]));
    near.reset();
    assertEquals(await far.read(), new Uint8Array([1, 2, 3]));
    for (let count = 0; count < 2; count++) {
      const error = await assertRejects(() => far.read(), ConnectionError);
      assertEquals(error.code, "read-failed");
    }
  });
});
