import { walk } from "../histories.ts";

walk("service");
