import { walk } from "../histories.ts";

walk("desired");
