import type { Clock } from '../../ports/clock.ts';
import type { Reservation, ReserveOutcome, TokenBudgets } from '../../ports/token-budgets.ts';

type Open = { tokens: number; periods: readonly string[]; lapsesAt: number };
type Account = {
  used: Map<string, number>;
  held: Map<string, number>;
  open: Map<string, Open>;
  /** Ids, and until when they are remembered. */
  settled: Map<string, number>;
};

/** A settlement that is repeated comes within moments. */
const REMEMBER_SETTLED_MS = 10 * 60_000;

export class MemoryTokenBudgets implements TokenBudgets {
  readonly #clock: Clock;
  readonly #accounts = new Map<string, Account>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async reserve(reservation: Reservation): Promise<ReserveOutcome> {
    const { id, tokens, periods, used = {}, lapsesInMs } = reservation;
    const account = this.#account(reservation.account);
    const names = periods.map(({ name }) => name);
    const now = this.#clock.now();
    lapse(account, now);
    forgetOthers(account, names);
    const unknown = names.filter((name) => !account.used.has(name) && used[name] === undefined);
    if (unknown.length > 0) return { kind: 'unknown', periods: unknown };
    for (const name of names) if (!account.used.has(name)) account.used.set(name, used[name]!);
    const isNew = !account.open.has(id);
    const left = periods
      .map(({ name, limit }) => ({ name, left: limit - account.used.get(name)! - (account.held.get(name) ?? 0) }))
      .sort((a, b) => a.left - b.left)[0]!;
    if (isNew && left.left < tokens) return { kind: 'refused', period: left.name, remaining: Math.max(0, left.left) };
    if (isNew) {
      account.open.set(id, { tokens, periods: names, lapsesAt: now + lapsesInMs });
      for (const name of names) hold(account, name, tokens);
    }
    return { kind: 'reserved', period: left.name, remaining: Math.max(0, left.left - (isNew ? tokens : 0)) };
  }

  async settle(name: string, id: string, tokens: number, periods: readonly string[]): Promise<void> {
    const account = this.#account(name);
    lapse(account, this.#clock.now());
    if (account.settled.has(id)) return;
    const open = account.open.get(id);
    account.open.delete(id);
    account.settled.set(id, this.#clock.now() + REMEMBER_SETTLED_MS);
    for (const period of open?.periods ?? periods) {
      if (open) hold(account, period, -open.tokens);
      const used = account.used.get(period);
      if (used !== undefined) account.used.set(period, used + tokens);
    }
  }

  #account(name: string): Account {
    const known = this.#accounts.get(name);
    if (known) return known;
    const account = { used: new Map(), held: new Map(), open: new Map(), settled: new Map() };
    this.#accounts.set(name, account);
    return account;
  }
}

function hold({ held }: Account, period: string, tokens: number): void {
  held.set(period, (held.get(period) ?? 0) + tokens);
}

function lapse(account: Account, now: number): void {
  for (const [id, { tokens, periods, lapsesAt }] of account.open) {
    if (lapsesAt > now) continue;
    account.open.delete(id);
    for (const period of periods) {
      hold(account, period, -tokens);
      account.used.delete(period);
    }
  }
  for (const [id, until] of account.settled) if (until <= now) account.settled.delete(id);
}

/** Periods that are over, and in which nothing is set aside any more. */
function forgetOthers({ used, held }: Account, names: readonly string[]): void {
  for (const period of new Set([...used.keys(), ...held.keys()])) {
    if (names.includes(period) || (held.get(period) ?? 0) > 0) continue;
    used.delete(period);
    held.delete(period);
  }
}
