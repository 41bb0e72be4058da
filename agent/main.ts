#!/usr/bin/env node
import { canonicalJson } from "./contract/json.ts";

process.stdout.write(`${canonicalJson({ name: "boardkeeper-agent" })}\n`);
