// Loaded into the measured agent before its own code: SIGPWR collects garbage, so that what is left is what is held.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc");
process.on("SIGPWR", () => {
  collect();
  collect();
});
