import { ExitError } from './exit-codes.ts';
import type { SettingValues } from './settings.ts';

export type RayConfig = { dashboard: string; token: string | null };

/** Where Ray's dashboard is unless its own address is given: its default. */
const DASHBOARD_PORT = 8265;

/** Of `deploy`, which alone needs it: on Ray's own machines RAY_ADDRESS may hold what only Ray understands. */
export function rayConfig({ RAY_ADDRESS, RAY_AUTH_TOKEN }: SettingValues): RayConfig {
  if (RAY_ADDRESS === undefined) {
    throw new ExitError('usage', 'RAY_ADDRESS is not set: ray://HOST:10001, or http://HOST:8265');
  }
  const dashboard = dashboardOf(RAY_ADDRESS);
  if (dashboard === null) {
    throw new ExitError('usage', `RAY_ADDRESS: "${RAY_ADDRESS}" is neither ray://HOST:10001 nor http://HOST:8265`);
  }
  return { dashboard, token: RAY_AUTH_TOKEN ?? null };
}

function dashboardOf(address: string): string | null {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (!url?.hostname || url.search || url.hash) return null;
  if (/^https?:$/.test(url.protocol)) return address.replace(/\/+$/, '');
  return url.protocol === 'ray:' ? `http://${url.hostname}:${DASHBOARD_PORT}` : null;
}
