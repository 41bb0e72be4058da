/* Where the agent keeps its state, and the images. */

export const stateFolder = "/state";
export const stagingFolder = `${stateFolder}/staging`;
export const stateFile = `${stateFolder}/state.json`;
export const trialsFile = `${stateFolder}/trials`;
