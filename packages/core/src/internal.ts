/**
 * What the sibling packages share and users do not need: no promise is made about it between versions.
 *
 * @module
 */
export * from "./checks.ts";
export { checkDial, checkOptions, having, type Kind, type Kinds } from "./options.ts";
export { Queue } from "./queue.ts";
export { decodeText, encodeText } from "./text.ts";
export { checkFilter, checkText, checkTopic, utf8Length } from "./topic.ts";
