/** A transport that never has a connection. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = {
  ...tcp(),
  name: "hanging",
  connect: () => new Promise(() => undefined),
};
