import { exploreHistories } from "../histories.ts";

exploreHistories("leases");
