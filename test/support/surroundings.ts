import type { Surroundings } from "../../agent/config/launch-options.ts";

/** What a process is given where nobody says anything to it. */
export const bareSurroundings: Surroundings = {
  env: {},
  configFile: undefined,
  simulate: false,
  deviceId: undefined,
  moduleId: undefined,
  stateDir: undefined,
};
