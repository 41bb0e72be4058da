import { walk } from "../histories.ts";

walk("method");
