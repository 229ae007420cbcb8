/** Transports that keep the contract. */
import type { Transport } from "@minimqtt/core";
import { tcp } from "@minimqtt/transport-tcp";

export const transport: Transport = tcp();
