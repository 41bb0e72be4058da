import { walk } from "../histories.ts";

walk("rebootDuringUpdate");
