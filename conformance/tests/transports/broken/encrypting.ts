/** A transport whose peer must do more than TCP. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = {
  ...tcp(),
  name: "secret",
  schemes: [{ name: "mqtts", port: 8883, secure: true }],
};
