import { exploreHistories } from "../histories.ts";

exploreHistories("helper");
