/** The factory, where a transport is expected. */
export { tcp as transport } from "@minimqtt/transport-tcp";
