import { walk } from "../histories.ts";

walk("superseded");
