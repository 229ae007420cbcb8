import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, type MQTTOptions } from "@minimqtt/client";
import { rejectsWith } from "./assertions.ts";
import { dialling, type DiallingStage, gaps, type Outcome } from "./dialling.ts";

type Options = Partial<MQTTOptions<unknown, false>>;

const REFUSED = new ConnectionError("dial-failed", "refused");
const refuse = () => REFUSED;

/** Answers every CONNECT with these bytes, for as long as connections come. */
function answerAll({ broker }: DiallingStage, hex: string): void {
  const again = (): Promise<void> => broker.welcome(hex).then(again);
  again().catch(() => {});
}

/** Lets `connect` fail and gives the waits between its attempts, in milliseconds. */
async function waits(options: Options, outcome: (attempt: number) => Outcome = refuse): Promise<number[]> {
  const { client, clock, times } = dialling(options, outcome);
  await rejectsWith(
    clock.run(client.connect()),
    MMQTTException,
    /^(Repeated connect failures|Connect failure)$/,
  );
  return gaps(times);
}

describe("connect(): which refusals end the attempts", () => {
  it("connect() stops at once at codes 1, 2, 4 and 5, with their own text (MM-034, MM-035)", async () => {
    const texts = {
      1: "Incorrect Protocol Version",
      2: "ID Rejected",
      4: "Incorrect username/password",
      5: "Unauthorized",
    };
    for (const [code, text] of Object.entries(texts)) {
      const scene = dialling({ connectRetries: 5 });
      const { client, clock, addresses } = scene;
      answerAll(scene, `2002000${code}`);
      const connecting = clock.run(client.connect());
      const error = await rejectsWith(connecting, MMQTTException, `Connection Refused - ${text}`);
      assertEquals([error.code, addresses.length, clock.now()], [Number(code), 1, 0]);
    }
  });

  it("connect() tries again at code 3, and when no CONNACK comes (MM-035)", async () => {
    const unavailable = dialling({ connectRetries: 4 });
    answerAll(unavailable, "20020003");
    const connecting = unavailable.clock.run(unavailable.client.connect());
    const error = await rejectsWith(connecting, MMQTTException, "Repeated connect failures");
    assertEquals([error.code, unavailable.addresses.length], [3, 4]);
    assertEquals((error.cause as MMQTTException).message, "Connection Refused - Server unavailable");
    assertEquals(gaps(unavailable.times), [2000, 4000, 8000]);

    const silent = dialling({ connectRetries: 3, recvTimeout: 5 });
    const failing = silent.clock.run(silent.client.connect());
    const { cause } = await rejectsWith(failing, MMQTTException, "Repeated connect failures");
    assertEquals((cause as Error).message, "No data received from broker for 5 seconds.");
    assertEquals(gaps(silent.times), [7000, 9000]);
  });

  it("connect() stops at a final refusal behind others that are not (MM-034)", async () => {
    const scene = dialling({ connectRetries: 5 }, (attempt) => attempt === 1 ? REFUSED : undefined);
    const { client, broker, clock, times } = scene;
    const failing = rejectsWith(
      clock.run(client.connect()),
      MMQTTException,
      "Connection Refused - Unauthorized",
    );
    await broker.welcome("20020003");
    await broker.welcome("20020005");
    assertEquals((await failing).code, 5);
    assertEquals(gaps(times), [2000, 4000]);
  });
});

describe("connect(): the wait between attempts", () => {
  it("connect() doubles the wait from 2 to 32 seconds, and no further (MM-036)", async () => {
    const expected = [2000, 4000, 8000, 16_000, 32_000, 32_000, 32_000];
    assertEquals(await waits({ connectRetries: 8 }), expected);
  });

  it("connect() adds 0 to 1000 whole milliseconds on top, also behind the cap (MM-036)", async () => {
    const almost = 1 - 2 ** -53;
    assertEquals(await waits({ connectRetries: 7, random: () => almost }), [
      3000,
      5000,
      9000,
      17_000,
      33_000,
      33_000,
    ]);
    assertEquals(await waits({ connectRetries: 2, random: () => 0.5 }), [2500]);
    const drawn = [0.1234, 0.9];
    assertEquals(await waits({ connectRetries: 3, random: () => drawn.shift()! }), [2123, 4900]);
  });

  it("connect() takes the first wait from retryDelay; 0 means none at all (MM-037)", async () => {
    assertEquals(await waits({ connectRetries: 4, retryDelay: 0.5 }), [500, 1000, 2000]);
    assertEquals(await waits({ connectRetries: 4, retryDelay: 0, random: () => 0.9 }), [0, 0, 0]);
  });

  it("connect() waits as long for a dead network as for a refusal (MM-037)", async () => {
    assertEquals(await waits({ connectRetries: 3 }), [2000, 4000]);
    const unknown = () => new ConnectionError("name-not-found", "no address");
    assertEquals(await waits({ connectRetries: 3 }, unknown), [2000, 4000]);
    assertEquals(await waits({ connectRetries: 3 }, () => new Error("out of memory")), [2000, 4000]);
    assertEquals(await waits({ connectRetries: 3 }, () => "hang"), [3000, 5000]);
  });

  it("connect() makes exactly connectRetries attempts (MM-037)", async () => {
    for (const connectRetries of [1, 2, 3, 5, 10]) {
      assertEquals((await waits({ connectRetries })).length, connectRetries - 1);
    }
    assertEquals((await waits({})).length, 4);
  });

  it("connect() counts failures of every kind together (MM-038)", async () => {
    const scene = dialling({ connectRetries: 5 }, (attempt) => attempt % 2 === 0 ? REFUSED : undefined);
    answerAll(scene, "20020003");
    await rejectsWith(scene.clock.run(scene.client.connect()), MMQTTException, "Repeated connect failures");
    assertEquals(gaps(scene.times), [2000, 4000, 8000, 16_000]);
  });

  it("connect() begins with the short wait again after a success, and after a failure (MM-040)", async () => {
    let up = false;
    const scene = dialling({ connectRetries: 3 }, () => up ? undefined : REFUSED);
    const { client, clock, times } = scene;
    answerAll(scene, "20020000");
    for (let turn = 0; turn < 2; turn++) {
      times.length = 0;
      await rejectsWith(clock.run(client.connect()), MMQTTException, "Repeated connect failures");
      assertEquals(gaps(times), [2000, 4000]);
    }
    up = true;
    assertEquals(await clock.run(client.connect()), 0);
    await clock.run(client.disconnect());
    up = false;
    times.length = 0;
    await rejectsWith(clock.run(client.connect()), MMQTTException, "Repeated connect failures");
    assertEquals(gaps(times), [2000, 4000]);
  });

  it("connect() succeeds at the last attempt as at the first (MM-036)", async () => {
    const scene = dialling({ connectRetries: 5 }, (attempt) => attempt < 5 ? REFUSED : undefined);
    answerAll(scene, "20020000");
    assertEquals(await scene.clock.run(scene.client.connect()), 0);
    assertEquals([scene.clock.now(), scene.clock.armed, scene.open()], [30_000, 0, 1]);
  });
});

describe("connect(): what it rejects with in the end", () => {
  it("connect() says Repeated connect failures, or Connect failure for a single attempt (MM-039)", async () => {
    for (const connectRetries of [1, 2, 5]) {
      const { client, clock } = dialling({ connectRetries }, refuse);
      const text = connectRetries === 1 ? "Connect failure" : "Repeated connect failures";
      await rejectsWith(clock.run(client.connect()), MMQTTException, text);
    }
  });

  it("connect() has the last attempt's error as cause, and its code (MM-039)", async () => {
    const last = async (dialled: boolean) => {
      const scene = dialling(
        { connectRetries: 2 },
        (attempt) => (attempt === 1) === dialled ? REFUSED : undefined,
      );
      answerAll(scene, "20020003");
      const connecting = scene.clock.run(scene.client.connect());
      return await rejectsWith(connecting, MMQTTException, "Repeated connect failures");
    };
    const refusal = await last(true);
    assert(refusal.cause instanceof MMQTTException);
    assertEquals([refusal.code, refusal.cause.code], [3, 3]);
    assertEquals(refusal.cause.message, "Connection Refused - Server unavailable");
    const network = await last(false);
    assertEquals([network.code, (network.cause as Error).message], [null, "refused"]);
  });
});

describe("connect(): the reference's test_backoff.py, restated (3.1)", () => {
  it("connect() fails three times at the same address, with 2 and 4 seconds between: test_failing_connect", async () => {
    const random = () => 0.25;
    const scene = dialling({ broker: "172.40.0.3", port: 1883, connectRetries: 3, random });
    answerAll(scene, "20020003");
    await rejectsWith(scene.clock.run(scene.client.connect()), MMQTTException, "Repeated connect failures");
    const address = { host: "172.40.0.3", port: 1883, secure: false };
    assertEquals(scene.addresses, [address, address, address]);
    assertEquals(gaps(scene.times), [2250, 4250]);
  });

  it("connect() tries once when it is not authorized: test_unauthorized", async () => {
    const scene = dialling({ broker: "172.40.0.3", port: 1883, connectRetries: 3 });
    answerAll(scene, "20020005");
    const connecting = scene.clock.run(scene.client.connect());
    const error = await rejectsWith(connecting, MMQTTException, "Connection Refused - Unauthorized");
    assertEquals([error.code, scene.addresses.length], [5, 1]);
  });
});
