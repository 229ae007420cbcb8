import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConnectionError, MMQTTException, type MQTTOptions } from "@minimqtt/client";
import { rejectsWith } from "../assertions.ts";
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

describe("connect(): the wait between attempts", () => {
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
});

describe("connect(): what it rejects with in the end", () => {
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
});
