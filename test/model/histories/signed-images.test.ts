import { exploreHistories } from "../histories.ts";

exploreHistories("signedImages");
