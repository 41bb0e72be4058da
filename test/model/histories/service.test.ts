import { exploreHistories } from "../histories.ts";

exploreHistories("service");
