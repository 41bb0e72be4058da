import { walk } from "../walk.ts";

walk("superseded");
