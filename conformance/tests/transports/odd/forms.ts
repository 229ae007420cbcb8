/** The same fixture in another form: an instance of a class with private fields, methods and a getter. */
import type { Listener, TransportFixture } from "@minimqtt/conformance/fixtures";
import { listen } from "@minimqtt/conformance/fixtures";
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

class Fixture implements TransportFixture {
  readonly #host = "127.0.0.1";
  readonly slack = 40 * 1_048_576;

  get transport(): Transport {
    return { ...tcp(), name: "class" };
  }

  listen(): Promise<Listener> {
    return listen(this.#host);
  }
}

export const fixture: TransportFixture = new Fixture();
