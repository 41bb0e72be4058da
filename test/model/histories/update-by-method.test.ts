import { exploreHistories } from "../histories.ts";

exploreHistories("updateByMethod");
