import type { AcceptLimits, AcceptPorts } from '../core/accept-message.ts';
import type { FollowPorts, FollowSettings } from '../core/follow-generation.ts';
import type { Runner } from '../core/runner.ts';
import type { StopPorts, StopSettings } from '../core/stop-generation.ts';
import type { Cache } from '../ports/cache.ts';
import type { Conversations } from '../ports/conversations.ts';
import type { DeadLetters } from '../ports/dead-letters.ts';
import type { Endpoints } from '../ports/endpoints.ts';
import type { LocalModels } from '../ports/local-models.ts';
import type { RateLimits } from '../ports/rate-limits.ts';
import type { Sessions } from '../ports/sessions.ts';
import type { UsageReports } from '../ports/usage-reports.ts';
import type { UserDeletions } from '../ports/user-deletions.ts';
import type { UserItems } from '../ports/user-items.ts';
import type { Workspaces } from '../ports/workspaces.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import type { Authenticator } from './auth.ts';
import type { HttpOptions } from './http-options.ts';
import type { OpenStreams } from './open-streams.ts';
import type { AsyncApi, OpenApi } from './openapi-document.ts';

export type HttpPorts = AcceptPorts &
  FollowPorts &
  StopPorts & {
    workspaces: Workspaces;
    conversations: Conversations;
    deadLetters: DeadLetters;
    cache: Cache;
    limits: RateLimits;
    sessions: Sessions;
    deletions: UserDeletions;
    usage: UsageReports;
    items: UserItems;
  };

export type ComponentName = 'ray_serve' | 'redis' | 'database' | 'rabbitmq';

/** One server that this process depends on, and the component whose part it plays. */
export type Dependency = {
  name: string;
  component: ComponentName;
  status: 'up' | 'down';
  latencyMs: number | null;
  detail: string | null;
};

export type HealthReport = {
  /** The part that plays each role here. */
  components: Record<ComponentName, 'up' | 'down'>;
  /** What that part is, for people. */
  backends: Record<ComponentName, string>;
  /** Why something is down, or null. */
  detail: string | null;
  /** Each server by itself, where there are several. */
  dependencies?: readonly Dependency[];
};

/** What the operator of a server by itself adds while it runs. */
export type Operator = {
  /** Ids of the keys that the server was started with, of workspace `default`. */
  keys: ReadonlySet<string>;
  endpoints: Endpoints;
  localModels: LocalModels;
};

export type HttpDeps = {
  ports: HttpPorts;
  /** What answers in this process, for `POST /chat`. */
  runner: Runner;
  accept: AcceptLimits;
  stop: StopSettings;
  follow: FollowSettings;
  health(): Promise<HealthReport>;
  /** Whether a load balancer should send requests here, and if not, why. */
  readiness(): Promise<'ready' | ErrorCode>;
  /** Null: one of many servers, whose deployment says which models there are. */
  operator: Operator | null;
};

/** What every route works with. */
export type Http = {
  deps: HttpDeps;
  options: HttpOptions;
  auth: Authenticator;
  streams: OpenStreams;
  /** Aborted when the server begins to close. */
  closing: AbortSignal;
  openApi: OpenApi;
  asyncApi: AsyncApi;
};
