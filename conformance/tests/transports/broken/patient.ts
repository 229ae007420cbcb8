/** A transport that says so when it is asked to connect, and never does. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = {
  ...tcp(),
  name: "patient",
  connect() {
    console.log("dialling");
    return new Promise(() => undefined);
  },
};
