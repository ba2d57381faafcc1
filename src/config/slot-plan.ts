import type { Lane } from '../protocol/generation.ts';
import type { WithDefaults } from './defaults.ts';

export type SlotPlan = { total: number; reserved: Readonly<Record<Lane, number>> };

/**
 * Unset reserves scale with the slots: half, a quarter, a quarter, within what those that are set leave. The
 * stream lane's is never lent, so it must leave a slot to the others.
 */
export function slotsOf(values: WithDefaults, total: number, problems: string[]): SlotPlan {
  const set = { stream: values.LANE_RESERVE_STREAM, chat: values.LANE_RESERVE_CHAT, batch: values.LANE_RESERVE_BATCH };
  const given = (set.stream ?? 0) + (set.chat ?? 0) + (set.batch ?? 0);
  if (given > total) {
    problems.push(
      `LANE_RESERVE_STREAM, _CHAT and _BATCH together (${given}) must not exceed MAX_CONCURRENT (${total})`,
    );
  }
  let left = Math.max(0, total - given);
  const share = (chosen: number | undefined, wanted: number): number => {
    if (chosen !== undefined) return chosen;
    const taken = Math.min(left, wanted);
    left -= taken;
    return taken;
  };
  const stream = share(set.stream, Math.floor(total / 2));
  const chat = share(set.chat, Math.floor(total / 4));
  const batch = share(set.batch, Math.floor(total / 4));
  if (stream >= total) {
    problems.push(
      `LANE_RESERVE_STREAM (${stream}) must be below MAX_CONCURRENT (${total}), or no other lane could run`,
    );
  }
  return { total, reserved: { stream, chat, batch } };
}
