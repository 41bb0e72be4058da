"use strict";
// Stands in for minimatch in the bundle. TUF's models load it, with half as much code again as they have, for the path patterns of
// delegations. A board matches none: the pattern of a board's role is BOARD/*, to the letter (agent/trust/roles.ts).
exports.minimatch = () => {
  throw new Error("Patterns of paths are not matched on boards.");
};
