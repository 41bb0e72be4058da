import type * as http from "node:http";
import { createRequire } from "node:module";

/**
 * `node:http`, loaded with require. An import makes Node.js 22 read each of the module's exports, and `WebSocket` loads the
 * whole of undici, which the agent does not use: a tenth of the start-up time, and memory for as long as the agent runs.
 */
const node: typeof http = createRequire(import.meta.url)("node:http");
export const { createServer, maxHeaderSize, request } = node;
