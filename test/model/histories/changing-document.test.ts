import { exploreHistories } from "../histories.ts";

exploreHistories("documents");
