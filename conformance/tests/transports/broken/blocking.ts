/** A transport that polls without a pause. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = {
  ...tcp(),
  name: "blocking",
  connect() {
    for (;;);
  },
};
