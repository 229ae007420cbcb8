/** A transport that throws where nobody can catch it. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = {
  ...tcp(),
  name: "throwing",
  connect() {
    setTimeout(() => {
      throw new Error("out of the blue");
    });
    return new Promise(() => undefined);
  },
};
