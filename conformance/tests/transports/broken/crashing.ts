/** A fixture that cannot listen, made of a class. */
import type { Listener, TransportFixture } from "@minimqtt/conformance/fixtures";
import { tcp } from "@minimqtt/transport-tcp";

class Crashing implements TransportFixture {
  readonly transport = { ...tcp(), name: "crashing" };

  listen(): Promise<Listener> {
    return Promise.reject(new Error("the port is taken"));
  }
}

export const fixture: TransportFixture = new Crashing();
