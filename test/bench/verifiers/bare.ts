import { report } from "./arguments.ts";

/* What Node itself costs. */

report(0);
