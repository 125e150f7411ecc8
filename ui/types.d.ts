// The shapes of what the operations answer (docs/reference.md) and of what Stash offers, as far as the page uses them.

export interface Outage {
  id: number;
  started_at: number;
  ended_at: number | null;
  duration_s: number | null;
  jobs_affected: number;
  cause: string;
  probes?: number;
  jobs_pushed?: number;
}

export interface Overview {
  now: number;
  queue: {
    pending: number;
    covers_left: number;
    waiting: number;
    waiting_by_error: Record<string, number>;
    in_progress: number;
    next_due_at: number | null;
    dead_letters: number;
    dead_letters_by_error: Record<string, number>;
  };
  in_progress: number[];
  scenes_in_plex: number;
  missing: number;
  ignored: number;
  last_push_at: number | null;
  circuit: { state: string; failures: number; opened_at: number | null; last_error: string | null };
  outage: { id: number; started_at: number; cause: string; probes: number; jobs_affected: number } | null;
  recovery: { last_check_at: number | null };
  draining: { stopped_by: string | null; message: string | null; until: number | null };
  worker: { running: boolean; doing: string | null };
  problems: string[];
}

export interface Group {
  group: string;
  error_class: string;
  count: number;
  advice: string;
}

export interface SceneInNeed {
  scene_id: number;
  title: string;
  path: string;
  error_text: string;
  attempts: number;
  failed_last_at: number | null;
  due_at: number | null;
}

export interface Summary {
  outages: Outage[];
  count: number;
  mttr_s: number | null;
  mtbf_s: number | null;
  availability: number | null;
  observed_since: number | null;
}

export interface SceneStatus {
  scene_id: number;
  verdict: string | null;
  settled_at: number | null;
  server: string | null;
  items: { rating_key: number; pushed_at: number }[];
  job: {
    is_in_progress: boolean;
    attempts: number;
    due_at: number | null;
    error_class: string;
    error_text: string;
  } | null;
  dead_letter: {
    error_class: string;
    error_text: string;
    attempts: number;
    failed_last_at: number;
    advice: string;
  } | null;
}

export type FieldValue = string | string[];

export interface PreviewItem {
  rating_key: number;
  library: string;
  title: string;
  path: string;
  reason: string;
  current: Record<string, FieldValue>;
  wanted: Record<string, FieldValue>;
  send: Record<string, FieldValue>;
}

export interface LibraryToChoose {
  name: string;
  entry: string;
  contents: string;
  items: number | null;
  is_chosen: boolean;
  reason: string;
}

export interface Health {
  libraries_to_choose: LibraryToChoose[] | null;
  steps: { name: string; ok: boolean | null; text: string; cure: string }[];
  path_map_inferred: string[];
  paths: {
    idle_rules: string[];
    examples: {
      scene_id: number;
      path: string;
      plex_path: string;
      found: boolean;
      how: string;
      reason: string;
    }[];
  } | null;
}

export interface LinkBegun {
  code: string;
  address: string;
  expires_at: number;
}

export interface LinkAnswer {
  entered: boolean;
  linked: boolean;
  servers: { name: string; machine_identifier: string; address: string | null }[];
  message: string;
}

export interface Setting {
  name: string;
  display_name: string | null;
  description: string | null;
  type: "STRING" | "NUMBER" | "BOOLEAN";
}

export type Value = string | number | boolean | null | undefined;

/** What a setting takes. `standard`: the default; of a number, 0 means it too. `form`: of a text that is not empty. */
export interface Rule {
  standard: string | number | boolean;
  least?: number;
  most?: number;
  form?: RegExp;
  example?: string;
  choices?: readonly string[];
  isSecret?: boolean;
}

/** A day of the picture. Times in epoch seconds, from midnight to midnight of this browser's time zone. */
export interface Day {
  start: number;
  end: number;
  observedS: number; // seconds in which Plex was watched
  downS: number; // those of them in which it was down
  outages: Outage[]; // those that touch the day
}

/** A drain: the most scenes that were left, and how many were left at each of the last looks (epoch seconds). */
export interface Drain {
  most: number;
  looks: { at: number; left: number }[];
}

export interface Gap {
  scene_id: number;
  type: string;
  title: string;
  paths: string[];
  fields: Record<string, [FieldValue, FieldValue]>;
}

export interface IgnoringChange {
  mode: "ignore" | "stop_ignoring";
  ids: number[];
}

export type Ignore = (mode: IgnoringChange["mode"], what: Record<string, unknown>) => Promise<void>;

/** A task as an operation. `undo`: whether restore_cleared takes it back. `asks`: what is asked before. */
export interface TaskButton {
  mode: string;
  args?: Record<string, unknown>;
  undo?: boolean;
  asks?: string;
  signsIn?: boolean;
}

type Patch = (props: any, ...rest: any[]) => any;

export interface PluginApiShape {
  React: typeof import("react");
  libraries: { Bootstrap: any; ReactRouterDOM: any };
  patch: Record<"before" | "instead" | "after", (name: string, patch: Patch) => void>;
  register: { route(path: string, component: any): void };
}

declare global {
  interface Window {
    PluginApi: PluginApiShape;
  }
}
