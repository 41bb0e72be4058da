import { exploreHistories } from "../histories.ts";

exploreHistories("crashingSystem");
