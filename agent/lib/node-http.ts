import type * as http from "node:http";
import { createRequire } from "node:module";

/**
 * Node's own, asked for as CommonJS does. Imported, Node.js 22 reads each of the module's exports, and with `WebSocket` loads
 * the whole of undici, which nobody here uses: at every start a tenth of its time, and for as long as the agent runs.
 */
const node: typeof http = createRequire(import.meta.url)("node:http");
export const { createServer, request } = node;
