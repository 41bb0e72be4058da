import { exploreHistories } from "../histories.ts";

exploreHistories("desiredDocument");
