import { exploreHistories } from "../histories.ts";

exploreHistories("reboots");
