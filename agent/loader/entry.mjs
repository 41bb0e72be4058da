#!/usr/bin/env node
// The name under which units and scripts run the agent.
import { createRequire } from "node:module";

createRequire(import.meta.url)("./boardkeeper-agent.cjs");
