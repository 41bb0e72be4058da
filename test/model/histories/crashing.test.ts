import { walk } from "../histories.ts";

walk("crashing");
